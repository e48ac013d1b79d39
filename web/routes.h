// The routes of the page: a path and a query in, a response out. No socket here, so that every
// route is tested by calling it. Reads a run folder, writes nothing, opens no path that a request
// names.
//
// A Routes belongs to one thread at a time (the server's lock sees to that).
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "storage/run_reader.h"
#include "web/http.h"

namespace vlsweep {

class Routes {
 public:
  explicit Routes(std::filesystem::path run_folder) : run_folder_(std::move(run_folder)) {}

  HttpResponse answer(const HttpRequest& request);

  // The state of the run as one line of JSON, for the event stream.
  std::string state();

 private:
  // The run's reader, opened when it is first there (the coordinator makes results.db).
  Result<RunReader*> reader();

  std::filesystem::path run_folder_;
  std::optional<RunReader> reader_;
};

}  // namespace vlsweep
