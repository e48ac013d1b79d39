// From responses to verdicts and rates: what a judge stage computes.
//
// Plain functions and values: safe from any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "orchestrator/protocol/stage.h"
#include "worker/judge/keywords.h"

namespace vlsweep {

// A response and what it was hoped to be (empty: nothing is expected).
struct Answer {
  std::string_view response;
  std::string_view target;
};

struct Verdict {
  bool refused = false;
  bool correct = false;     // equals the target once both are trimmed of white space
  bool has_target = false;  // without a target `correct` says nothing
};

struct Judgement {
  std::vector<Verdict> verdicts;  // one per answer, in their order
  // asr and refusal over all answers; accuracy over those with a target; for a harmful suite also
  // comply_correct (not refused and correct: a correct forbidden answer) over those with a target.
  // A rate over no answers is left out.
  std::vector<Metric> metrics;
};

Judgement judge_responses(const KeywordJudge& judge, std::span<const Answer> answers, bool harmful);

// The bit strings of a StageResult: bit i, least significant first, is verdict i.
std::string pack_refused(std::span<const Verdict> verdicts);
// Empty if no verdict has a target.
std::string pack_correct(std::span<const Verdict> verdicts);

}  // namespace vlsweep
