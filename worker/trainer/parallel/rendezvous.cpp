#include "worker/trainer/parallel/rendezvous.h"

#include <nlohmann/json.hpp>
#include <thread>

#include "orchestrator/base/file.h"
#include "orchestrator/base/log.h"

namespace vlsweep {
namespace {

using Json = nlohmann::json;
using std::chrono::steady_clock;

constexpr std::uint64_t kMaxBytes = 64 << 10;
constexpr std::chrono::milliseconds kLook{20};

std::filesystem::path address_file(const GangPlace& place) { return place.rendezvous / "address"; }

std::filesystem::path word_file(const GangPlace& place, int rank) {
  return place.rendezvous / ("failed-" + std::to_string(rank));
}

Result<MemberAddress> parse_address(const std::string& text, const std::string& where) {
  const Json json = Json::parse(text, nullptr, false);
  const auto host = json.is_object() ? json.find("host") : json.end();
  const auto port = json.is_object() ? json.find("port") : json.end();
  if (host == json.end() || port == json.end() || !host->is_string() ||
      !port->is_number_unsigned() || port->get<std::uint64_t>() == 0 ||
      port->get<std::uint64_t>() > UINT16_MAX)
    return fail(Errc::corrupt, "is not where a gang's first member listens", where);
  return MemberAddress{host->get<std::string>(), port->get<std::uint16_t>()};
}

}  // namespace

Result<> announce_address(const GangPlace& place, const MemberAddress& address) {
  VLSWEEP_CHECK_OK(make_folders(place.rendezvous));
  return write_file_durably(address_file(place),
                            Json{{"host", address.host}, {"port", address.port}}.dump());
}

Result<MemberAddress> await_address(const GangPlace& place,
                                    const std::function<bool()>& cancelled) {
  const std::filesystem::path path = address_file(place);
  const auto deadline = steady_clock::now() + place.timeout;
  while (true) {
    const auto text = read_file(path, kMaxBytes);
    if (text) return parse_address(*text, path.string());
    if (text.error().code != Errc::not_found) return std::unexpected(text.error());
    if (const auto word = find_word(place)) return std::unexpected(*word);
    if (cancelled()) return fail(Errc::cancelled, "stopped on request");
    if (steady_clock::now() > deadline)
      return fail(Errc::unavailable,
                  "member 0 of the gang did not come within " +
                      std::to_string(place.timeout.count()) +
                      " s; is this folder on a file system that all its hosts share?",
                  place.rendezvous.string());
    std::this_thread::sleep_for(kLook);
  }
}

void leave_word(const GangPlace& place, const Error& reason) {
  Result<> written = make_folders(place.rendezvous);
  if (written)
    written =
        write_file_durably(word_file(place, place.rank),
                           Json{{"code", errc_name(reason.code)}, {"message", reason.text()}}.dump(
                               -1, ' ', false, Json::error_handler_t::replace));
  if (!written) log_event(Level::warning, "gang_word_lost", {{"reason", written.error().text()}});
}

std::optional<Error> find_word(const GangPlace& place) {
  for (int rank = 0; rank < place.size; ++rank) {
    if (rank == place.rank) continue;
    const auto text = read_file(word_file(place, rank), kMaxBytes);
    if (!text) continue;
    const Json json = Json::parse(*text, nullptr, false);
    if (!json.is_object() || !json.contains("code") || !json["code"].is_string() ||
        !json.contains("message") || !json["message"].is_string())
      continue;
    return Error{errc_from_name(json["code"].get<std::string>()),
                 "member " + std::to_string(rank) + " of the gang of " +
                     std::to_string(place.size) + " failed: " + json["message"].get<std::string>(),
                 {}};
  }
  return std::nullopt;
}

}  // namespace vlsweep
