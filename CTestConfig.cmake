# Where `ctest -D Experimental` and dashboards submit to. The site is the user's own: nothing is sent unless
# LLMLOAD_DASHBOARD_URL names one, as in https://cdash.example.com/submit.php?project=llmload
set(CTEST_PROJECT_NAME "llmload")
set(CTEST_NIGHTLY_START_TIME "01:00:00 UTC")
set(CTEST_SUBMIT_URL "$ENV{LLMLOAD_DASHBOARD_URL}")
set(CTEST_TLS_VERIFY TRUE)
