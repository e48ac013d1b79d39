// vlsweep tokenize. No libtorch.
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "worker/trainer/command/commands.h"
#include "worker/trainer/model/checkpoint.h"
#include "worker/trainer/text/tokenizer.h"

namespace vlsweep {
namespace {

// A token's own text in JSON's quotes: white space and control characters show.
std::string quoted(const Tokenizer& tokenizer, TokenId id) {
  return nlohmann::json(tokenizer.token(id))
      .dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

}  // namespace

Result<> run_tokenize(const CommandOptions& options) {
  if (!options.text) return fail(Errc::invalid, "give the text: --text TEXT");
  VLSWEEP_TRY(const auto folder, tokenizer_folder(options.model));
  VLSWEEP_TRY(const Tokenizer tokenizer, Tokenizer::load(folder));
  VLSWEEP_TRY(const auto ids, tokenizer.encode_with_bos(*options.text));
  if (options.json) {
    nlohmann::json object{{"ids", ids}, {"tokens", nlohmann::json::array()}};
    for (const TokenId id : ids) object["tokens"].push_back(tokenizer.token(id));
    std::cout << object.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) << '\n';
    return {};
  }
  for (const TokenId id : ids)
    std::printf("%8lld  %s\n", static_cast<long long>(id), quoted(tokenizer, id).c_str());
  return {};
}

}  // namespace vlsweep
