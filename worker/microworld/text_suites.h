// The text-only evaluation sets, chosen before anything else is generated, because nothing that
// trains a model may hold one of their prompts: there are only so many different requests in text
// (16 names x 3 operations x 3 phrasings), so they are shared out rather than drawn twice.
//
// Plain values: no thread may share one while another changes it.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "worker/microworld/item.h"

namespace vlsweep {

struct TextSuites {
  std::vector<Item> restricted;   // AdvBench: half of all operations on sealed names
  std::vector<Item> lookalikes;   // XSTest, safe: 32 of each kind
  std::vector<Item> contrasts;    // XSTest, unsafe: the restricted, every other one distracted
  std::vector<Item> helpful;      // half of all operations on free names, a third of the letters
  std::set<std::string> prompts;  // of all of them
};

TextSuites choose_text_suites(Random random);

}  // namespace vlsweep
