# For tests that run commands: what the last one printed is in `out`, the name of the test in CASE.

# expect_output(TEXT...): fails the test unless each text stands in `out`.
function(expect_output)
  foreach(text IN LISTS ARGN)
    string(FIND "${out}" "${text}" at)
    if(at EQUAL -1)
      message(FATAL_ERROR "${CASE}: expected \"${text}\" in:\n${out}")
    endif()
  endforeach()
endfunction()
