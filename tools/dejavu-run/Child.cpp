//===- Child.cpp - running the executable under test ----------------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Child.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace dejavu::rt;
using namespace dejavu::run;

Status dejavu::run::checkExecutable(const std::string &path) {
  struct stat info;
  if (::stat(path.c_str(), &info) != 0)
    return errnoError(path);
  if (!S_ISREG(info.st_mode))
    return makeError("%s: not a regular file, expected an executable",
                     path.c_str());
  if (::access(path.c_str(), X_OK) != 0)
    return makeError("%s: not executable", path.c_str());
  return Status::success();
}

//===----------------------------------------------------------------------===//
// TemporaryFolder
//===----------------------------------------------------------------------===//

ErrorOr<TemporaryFolder> TemporaryFolder::create() {
  const char *base = std::getenv("TMPDIR");
  TemporaryFolder folder;
  folder.path =
      std::string(base && *base ? base : "/tmp") + "/dejavu-run.XXXXXX";
  if (!::mkdtemp(folder.path.data())) {
    Status status = errnoError(folder.path);
    folder.path.clear();
    return status;
  }
  return folder;
}

TemporaryFolder::TemporaryFolder(TemporaryFolder &&other) noexcept {
  *this = std::move(other);
}

TemporaryFolder &TemporaryFolder::operator=(TemporaryFolder &&other) noexcept {
  std::swap(path, other.path);
  std::swap(files, other.files);
  return *this;
}

TemporaryFolder::~TemporaryFolder() {
  for (const std::string &file : files)
    ::unlink(file.c_str());
  if (!path.empty())
    ::rmdir(path.c_str());
}

std::string TemporaryFolder::file(const std::string &name) {
  return files.emplace_back(path + "/" + name);
}

//===----------------------------------------------------------------------===//
// runChild
//===----------------------------------------------------------------------===//

namespace {
/// Leaves interrupts to the child while it runs, as the shell's `system`
/// does: temporary files are removed after it.
class IgnoreInterrupts {
public:
  IgnoreInterrupts() {
    struct sigaction ignore = {};
    ignore.sa_handler = SIG_IGN;
    ::sigaction(SIGINT, &ignore, &interrupt);
    ::sigaction(SIGQUIT, &ignore, &quit);
  }
  ~IgnoreInterrupts() { restore(); }
  void restore() const {
    ::sigaction(SIGINT, &interrupt, nullptr);
    ::sigaction(SIGQUIT, &quit, nullptr);
  }

private:
  struct sigaction interrupt, quit;
};
} // namespace

/// Writes one line of a child to stderr. True if it begins with `error:`.
static bool forwardLine(std::string line, const FileName &file) {
  size_t at = file.path.empty() ? std::string::npos : line.find(file.path);
  if (at != std::string::npos)
    line.replace(at, file.path.size(), file.shown);
  std::fwrite(line.data(), 1, line.size(), stderr);
  return line.rfind("error:", 0) == 0;
}

/// Copies the pipe to stderr, line by line, and notices errors.
static bool forwardErrors(int descriptor, const FileName &file) {
  bool found = false;
  std::string line;
  char buffer[4096];
  while (true) {
    ssize_t count = ::read(descriptor, buffer, sizeof(buffer));
    if (count < 0 && errno == EINTR)
      continue;
    if (count <= 0) {
      if (!line.empty())
        found |= forwardLine(line, file);
      return found;
    }
    for (ssize_t i = 0; i < count; ++i) {
      line.push_back(buffer[i]);
      // A line without an end is not kept for ever.
      if (buffer[i] != '\n' && line.size() < (1 << 16))
        continue;
      found |= forwardLine(line, file);
      line.clear();
    }
  }
}

ErrorOr<ChildResult>
dejavu::run::runChild(const std::string &path,
                      const std::vector<std::string> &arguments,
                      const FileName &file) {
  std::vector<char *> argv = {const_cast<char *>(path.c_str())};
  for (const std::string &argument : arguments)
    argv.push_back(const_cast<char *>(argument.c_str()));
  argv.push_back(nullptr);

  int errors[2];
  if (::pipe(errors) != 0)
    return errnoError(path);
  std::fflush(stdout);
  std::fflush(stderr);
  IgnoreInterrupts ignore;
  pid_t child = ::fork();
  if (child < 0) {
    Status status = errnoError(path);
    ::close(errors[0]);
    ::close(errors[1]);
    return status;
  }
  if (child == 0) {
    ignore.restore();
    ::dup2(errors[1], STDOUT_FILENO);
    ::dup2(errors[1], STDERR_FILENO);
    ::close(errors[0]);
    ::close(errors[1]);
    ::execv(path.c_str(), argv.data());
    std::fprintf(stderr, "error: %s: %s\n", path.c_str(), std::strerror(errno));
    std::fflush(stderr);
    ::_exit(1);
  }
  ::close(errors[1]);
  ChildResult result;
  result.saidError = forwardErrors(errors[0], file);
  ::close(errors[0]);
  int state = 0;
  while (::waitpid(child, &state, 0) < 0)
    if (errno != EINTR)
      return errnoError(path);
  if (WIFSIGNALED(state))
    return makeError("%s: killed by signal %d (%s)", path.c_str(),
                     WTERMSIG(state), ::strsignal(WTERMSIG(state)));
  result.code = WEXITSTATUS(state);
  return result;
}
