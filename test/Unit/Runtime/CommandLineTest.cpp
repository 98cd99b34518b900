//===- CommandLineTest.cpp - flags that are right and wrong --------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CommandLine.h"

#include <gtest/gtest.h>

using namespace dejavu::rt;

static std::string error(const std::vector<std::string> &arguments) {
  ErrorOr<CommandLine> options = parseCommandLine(arguments);
  EXPECT_TRUE(options.failed());
  return options.message();
}

TEST(CommandLineTest, Jobs) {
  auto job = [](const std::vector<std::string> &arguments) {
    ErrorOr<CommandLine> options = parseCommandLine(arguments);
    EXPECT_TRUE(options.succeeded()) << options.message();
    return options->job;
  };
  EXPECT_EQ(job({"--prompt-ids", "1"}), Job::Generate);
  EXPECT_EQ(job({"--info"}), Job::Info);
  EXPECT_EQ(job({"--help"}), Job::Help);
  EXPECT_EQ(job({"-h"}), Job::Help);
  EXPECT_EQ(job({"--version"}), Job::Version);
  EXPECT_EQ(job({"--verify"}), Job::Verify);
  EXPECT_EQ(job({"--bench"}), Job::Bench);
  EXPECT_EQ(job({"--bench", "--prompt-ids", "1,2"}), Job::Bench);
  EXPECT_EQ(job({"--eval-tokens", "F"}), Job::Eval);
  EXPECT_EQ(job({"--run-case", "F", "--output", "G"}), Job::RunCase);
  EXPECT_EQ(job({"--activations", "F", "--sites", "1"}), Job::Activations);
}

TEST(CommandLineTest, Values) {
  ErrorOr<CommandLine> options = parseCommandLine(
      {"--prompt-ids=1,2", "--max-new-tokens", "7", "--temperature=0.5",
       "--top-p", "0.9", "--seed", "12", "--threads=2", "--ignore-eos", "--tap",
       "T", "--weights", "W", "--verify", "--stream"});
  ASSERT_TRUE(options.succeeded()) << options.message();
  EXPECT_EQ(*options->promptIds, "1,2");
  EXPECT_EQ(options->maxNewTokens, 7);
  EXPECT_FALSE(options->sampling.greedy);
  EXPECT_EQ(options->sampling.temperature, 0.5);
  EXPECT_EQ(options->sampling.topP, 0.9);
  EXPECT_EQ(options->sampling.seed, 12u);
  EXPECT_EQ(*options->threads, 2);
  EXPECT_TRUE(options->ignoreEos && options->verify && options->stream);
  EXPECT_EQ(*options->tap, "T");
  EXPECT_EQ(*options->weights, "W");
}

TEST(CommandLineTest, ValuesOfTexts) {
  ErrorOr<CommandLine> options =
      parseCommandLine({"--activations=F", "--sites", "3,7,66,7",
                        "--first-window", "2", "--windows", "5"});
  ASSERT_TRUE(options.succeeded()) << options.message();
  EXPECT_EQ(options->activations, "F");
  EXPECT_EQ(options->sites, (std::vector<int64_t>{3, 7, 66, 7}));
  EXPECT_EQ(options->firstWindow, 2);
  EXPECT_EQ(options->windows, 5);
  options = parseCommandLine({"--activations=F", "--sites=0"});
  EXPECT_EQ(options->sites, (std::vector<int64_t>{0}));
  EXPECT_EQ(options->firstWindow, 0);
  EXPECT_FALSE(options->windows);
  options = parseCommandLine({"--eval-tokens=F", "--eval-first=7"});
  EXPECT_EQ(options->evalFirst, 7);
  EXPECT_FALSE(options->evalLimit);
}

TEST(CommandLineTest, GreedyUnlessAskedOtherwise) {
  EXPECT_TRUE(parseCommandLine({"--prompt-ids", "1"})->sampling.greedy);
  EXPECT_FALSE(
      parseCommandLine({"--prompt-ids", "1", "--seed", "0"})->sampling.greedy);
}

TEST(CommandLineTest, Errors) {
  EXPECT_EQ(error({"--prompt"}), "unknown flag '--prompt'");
  EXPECT_EQ(error({"1,2"}), "unexpected argument '1,2'");
  EXPECT_EQ(error({"--prompt-ids"}), "--prompt-ids needs a value");
  EXPECT_EQ(error({"--info=1"}), "--info takes no value");
  EXPECT_EQ(error({"--seed", "1", "--seed", "2"}), "--seed is given twice");
  EXPECT_EQ(error({"--info", "--bench"}),
            "--info and --bench exclude each other");
  EXPECT_EQ(error({"--run-case", "F"}), "--run-case needs --output");
  EXPECT_EQ(error({"--bench", "--stream"}),
            "--stream has no meaning with --bench");
  EXPECT_EQ(error({"--prompt-ids", "1", "--json", "F"}),
            "--json has no meaning with --prompt-ids");
  EXPECT_EQ(error({"--activations", "F"}), "--activations needs --sites");
  for (const char *flag : {"--sites", "--first-window", "--windows"})
    EXPECT_EQ(error({"--eval-tokens", "F", flag, "1"}),
              std::string(flag) + " has no meaning with --eval-tokens");
  for (const char *flag : {"--eval-first", "--eval-limit"})
    EXPECT_EQ(error({"--activations", "F", "--sites", "1", flag, "5"}),
              std::string(flag) + " has no meaning with --activations");
  EXPECT_NE(error({}), "");
  EXPECT_NE(error({"--threads", "2"}), "");
}

TEST(CommandLineTest, Numbers) {
  for (const char *value :
       {"", "x", "1x", "-1", "1.5", "99999999999999999999", "1e3", " 1"})
    EXPECT_NE(error({"--prompt-ids", "1", "--max-new-tokens", value}), "")
        << value;
  for (const char *value : {"", "x", "nan", "inf", "-0.5", "1e999", "0.5x"})
    EXPECT_NE(error({"--prompt-ids", "1", "--temperature", value}), "")
        << value;
  for (const char *value : {"0", "1.1", "-1", "nan"})
    EXPECT_NE(error({"--prompt-ids", "1", "--top-p", value}), "") << value;
  for (const char *value : {"", ",", "1,", ",1", "1,,2", "x", "-1", "1 2",
                            "1;2", "1,2x", "99999999999999999999"})
    EXPECT_EQ(error({"--activations", "F", "--sites", value})
                  .rfind("--sites: expected an integer from 0 to ", 0),
              0u)
        << value;
  for (const char *value : {"", "-1", "x"}) {
    EXPECT_NE(
        error({"--activations", "F", "--sites", "1", "--first-window", value}),
        "");
    EXPECT_NE(error({"--eval-tokens", "F", "--eval-first", value}), "");
  }
  EXPECT_NE(error({"--activations", "F", "--sites", "1", "--windows", "0"}),
            "");
  EXPECT_EQ(error({"--prompt-ids", "1", "--threads", "0"}),
            "--threads: expected an integer from 1 to 4096, found '0'");
}

TEST(CommandLineTest, HelpHasEveryFlagOfTheContract) {
  std::string text = helpText("model");
  for (const char *flag :
       {"--prompt-ids", "--max-new-tokens", "--temperature", "--top-p",
        "--seed",       "--ignore-eos",     "--info",        "--run-case",
        "--output",     "--eval-tokens",    "--eval-limit",  "--json",
        "--eval-first", "--activations",    "--sites",       "--first-window",
        "--windows",    "--bench",          "--stream",      "--tap",
        "--threads",    "--verify",         "--weights",     "--version",
        "--help"})
    EXPECT_NE(text.find(flag), std::string::npos) << flag;
  size_t width = 0;
  for (char c : text) {
    width = c == '\n' ? 0 : width + 1;
    EXPECT_LT(width, 80u);
  }
}
