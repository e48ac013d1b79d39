// The folder in which the members of a gang find each other: member 0 writes where it listens, and
// a member that fails leaves word why, so that the others end with that reason and not only with a
// broken connection. It needs rename, not locks: any shared file system does.
//
// Plain functions over files; safe from any thread.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "orchestrator/base/result.h"
#include "worker/trainer/parallel/gang_place.h"

namespace vlsweep {

struct MemberAddress {
  std::string host;
  std::uint16_t port = 0;
};

// Member 0's part. io: the folder cannot be written.
Result<> announce_address(const GangPlace& place, const MemberAddress& address);
// The others' part: waits for it. unavailable: it does not come within place.timeout; cancelled;
// corrupt: what is there is no address; or the word that a member left.
Result<MemberAddress> await_address(const GangPlace& place, const std::function<bool()>& cancelled);

// Says why this member leaves before the end. Where it cannot be written the others learn less.
void leave_word(const GangPlace& place, const Error& reason);
// "member 1 of the gang of 2: REASON" with the code it had, if another member has left word.
std::optional<Error> find_word(const GangPlace& place);

}  // namespace vlsweep
