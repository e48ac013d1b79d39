// Writes what load_in_transformers_test.py reads: OUT/full (a checkpoint), OUT/adapter (LoRA and
// projector upon it), OUT/text, OUT/partial (rsLoRA on some of its linears), OUT/merged (the same),
// and OUT/values.safetensors with the logits that C++ computes.
#include <cstdio>

#include "tests/trainer/golden.h"
#include "worker/trainer/model/lora.h"

namespace vlsweep {
namespace {

namespace fs = std::filesystem;

void disturb(VisionLanguageModel& model) {
  const at::NoGradGuard no_grad;
  double phase = 0;
  for (const auto& parameter : model.trainable_parameters()) {
    const at::Tensor tensor = parameter.tensor.detach();
    phase += 1;
    tensor.add_(at::sin(at::arange(tensor.numel(), at::kFloat).view(tensor.sizes()) + phase), 0.1);
  }
}

Result<> export_models(const fs::path& out) {
  const at::NoGradGuard no_grad;
  const at::Tensor ids =
      golden::ids(golden::read_json(golden::folder("llava") / "golden.json")["input_ids"]);
  const at::Tensor images = golden::pixels(2, 16);
  VLSWEEP_TRY(const auto model, load_checkpoint(golden::folder("llava"), at::kFloat, at::kCPU));
  model->set_trainable(Part::language_model, true);
  disturb(*model);
  VLSWEEP_CHECK_OK(save_checkpoint(*model, out / "full", golden::folder("llava")));
  const at::Tensor full = golden::logits(*model, ids, images).contiguous();
  attach_lora(*model, {4, 12, 0}, 3);
  disturb(*model);
  VLSWEEP_CHECK_OK(save_adapter(*model, out / "adapter", "../full", golden::folder("llava")));
  const at::Tensor adapted = golden::logits(*model, ids, images).contiguous();
  VLSWEEP_TRY(const auto text, load_checkpoint(golden::folder("text"), at::kFloat, at::kCPU));
  VLSWEEP_CHECK_OK(save_checkpoint(*text, out / "text", golden::folder("text")));
  const at::Tensor words = at::arange(3, 19).view({2, 8});
  const at::Tensor alone = golden::logits(*text, words, {}).contiguous();
  // As MiniGPT-v2 has it, a fused q/k/v with LoRA on two of its parts; and rsLoRA's scale.
  attach_lora(*text, {4, 6, 0.1, {"q_proj", "v_proj", "down_proj"}, true}, 5);
  disturb(*text);
  VLSWEEP_CHECK_OK(save_adapter(*text, out / "partial", "../text", golden::folder("text")));
  VLSWEEP_CHECK_OK(save_checkpoint(*text, out / "merged", golden::folder("text")));
  const at::Tensor partial = golden::logits(*text, words, {}).contiguous();
  return write_safetensors(
      out / "values.safetensors",
      std::vector<TensorView>{view_of("full", full), view_of("adapter", adapted),
                              view_of("text", alone), view_of("partial", partial),
                              view_of("pixels", images)});
}

}  // namespace
}  // namespace vlsweep

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const auto done = vlsweep::export_models(argv[1]);
  if (!done) std::fprintf(stderr, "%s\n", done.error().text().c_str());
  return done ? 0 : 1;
}
