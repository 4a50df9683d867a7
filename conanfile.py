"""Conan 2 recipe: `conan create . --build=missing` in a checkout of llmload.

Conan uses llmload's own CMake package, so that find_package(llmload COMPONENTS ...) and
llmload_add_load_tests() are the same as without Conan.
"""

import os
import re

from conan import ConanFile
from conan.tools.build import check_min_cppstd
from conan.tools.cmake import CMake, CMakeDeps, CMakeToolchain, cmake_layout
from conan.tools.files import copy, load

required_conan_version = ">=2.0"


class LlmloadRecipe(ConanFile):
    name = "llmload"
    description = "Load tests that tell whether LLM providers are ready for production"
    license = "Apache-2.0"
    topics = ("load-testing", "llm", "googletest", "circuit-breaker")
    package_type = "static-library"
    settings = "os", "arch", "compiler", "build_type"
    options = {"fPIC": [True, False]}
    default_options = {"fPIC": True}
    exports_sources = "CMakeLists.txt", "LICENSE", "cmake/*", "data/*", "include/*", "mocks/*", "src/*"

    def set_version(self):
        project = load(self, os.path.join(self.recipe_folder, "CMakeLists.txt"))
        self.version = re.search(r"project\(llmload VERSION ([0-9.]+)", project).group(1)

    def layout(self):
        cmake_layout(self)

    def requirements(self):
        # Boost and GoogleTest are in the public headers.
        self.requires("boost/[>=1.81 <2]", transitive_headers=True, options={"header_only": True})
        self.requires("gtest/[>=1.12 <2]", transitive_headers=True, transitive_libs=True)
        self.requires("openssl/[>=3 <4]", transitive_libs=True)
        self.requires("nlohmann_json/[>=3.11 <4]")

    def build_requirements(self):
        self.tool_requires("cmake/[>=3.25]")

    def validate(self):
        check_min_cppstd(self, 20)

    def generate(self):
        CMakeDeps(self).generate()
        toolchain = CMakeToolchain(self)
        for part in ("TESTS", "TOOLS", "BENCHMARKS", "FUZZERS"):
            toolchain.cache_variables[f"LLMLOAD_BUILD_{part}"] = False
        toolchain.generate()

    def build(self):
        cmake = CMake(self)
        cmake.configure()
        cmake.build()

    def package(self):
        copy(self, "LICENSE", self.source_folder, os.path.join(self.package_folder, "licenses"))
        CMake(self).install()

    def package_info(self):
        # llmload's own llmloadConfig.cmake is what users find.
        self.cpp_info.set_property("cmake_find_mode", "none")
        self.cpp_info.builddirs.append(os.path.join("lib", "cmake", "llmload"))
