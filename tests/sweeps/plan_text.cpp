#include "plan_text.h"

#include "fake_resolver.h"
#include "sweeps/make_plan.h"
#include "sweeps/report.h"

namespace vlsweep {
namespace {

std::string stage_text(const Plan& plan) {
  std::string text;
  for (std::size_t i = 0; i < plan.stages.size(); ++i) {
    const Stage& stage = plan.stages[i];
    text += "stage " + std::to_string(i) + " " + stage.key.short_hex() + " " + stage.name;
    for (const std::uint32_t parent : stage.parents) text += " <" + std::to_string(parent);
    text += "\n";
    // The specs of respond and judge differ in little: those of the first model stand for all.
    const bool is_evaluation = stage.kind == StageKind::respond || stage.kind == StageKind::judge;
    if (!is_evaluation || i < 30) text += "  " + stage.spec + "\n";
  }
  return text;
}

std::string trial_text(const Plan& plan) {
  std::string text;
  for (const Trial& trial : plan.trials) {
    text += "trial " + trial.id + " cell " + std::to_string(trial.cell) + " seed " +
            std::to_string(trial.seed);
    for (const auto& [name, value] : trial.parameters) text += " " + name + "=" + value;
    text += " :";
    for (const TrialStage& stage : trial.stages)
      if (stage.role != "judge") text += " " + std::to_string(stage.stage);
    text += "\n";
  }
  return text;
}

}  // namespace

std::string plan_text(std::string_view yaml, const std::string& file) {
  const auto sweep = parse_sweep(yaml, file, "/sweeps");
  if (!sweep) return complaints_report(sweep.error());
  FakeResolver resolver;
  const auto plan = make_plan(*sweep, resolver);
  if (!plan) return complaints_report(plan.error());
  return plan_report(*plan, *sweep, 2) + "\n" + stage_text(*plan) + "\n" + trial_text(*plan);
}

}  // namespace vlsweep
