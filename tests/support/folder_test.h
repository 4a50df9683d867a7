// A fixture with a folder of its own.
#ifndef LLMLOAD_TESTS_SUPPORT_FOLDER_TEST_H_
#define LLMLOAD_TESTS_SUPPORT_FOLDER_TEST_H_

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace llmload::test_support {

/// Makes an empty folder for each test, and removes it afterwards.
class FolderTest : public ::testing::Test {
 protected:
  void SetUp() override {
    std::string name = (std::filesystem::temp_directory_path() / "llmload_test_XXXXXX").string();
    ASSERT_NE(mkdtemp(name.data()), nullptr);
    folder_ = name;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  static std::string Read(const std::filesystem::path& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  }

  std::filesystem::path folder_;
};

}  // namespace llmload::test_support

#endif  // LLMLOAD_TESTS_SUPPORT_FOLDER_TEST_H_
