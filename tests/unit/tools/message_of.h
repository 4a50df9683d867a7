// What a refused value says.
#ifndef LLMLOAD_TESTS_UNIT_TOOLS_MESSAGE_OF_H_
#define LLMLOAD_TESTS_UNIT_TOOLS_MESSAGE_OF_H_

#include <boost/program_options/errors.hpp>
#include <string>

#include "llmload/core/environment.h"

namespace llmload::tools {

/// The message of the error that `call` throws; empty if it throws none.
template <class Call>
std::string MessageOf(const Call& call) {
  try {
    call();
  } catch (const ConfigurationError& error) {
    return error.what();
  } catch (const boost::program_options::error& error) {
    return error.what();
  }
  return "";
}

}  // namespace llmload::tools

#endif  // LLMLOAD_TESTS_UNIT_TOOLS_MESSAGE_OF_H_
