// Nothing: the headers that llmload_test_headers compiles for the test programs are in
// tests/CMakeLists.txt.
