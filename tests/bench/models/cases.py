"""What is measured: models, shapes of a training step and of decoding. No import but the standard
library's: the process that measures others must be small (a child's high-water mark of memory
begins at its parent's).
"""

# What is measured on each: batch and micro-batch of a training step, words of a question and an
# answer, prompts decoded together and new tokens for each.
CASES = {
    "micro": dict(layers=3, hidden=64, mlp=172, heads=4, kv_heads=2, vocab=304, prompt="micro",
                  tower=dict(hidden=96, mlp=192, layers=3, heads=4, size=32, patch=16),
                  batch=64, micro_batch=64, steps=30, words=(4, 6), prompts=64, new_tokens=32, lora_rank=8),
    "llava-20m": dict(layers=8, hidden=384, mlp=1024, heads=6, kv_heads=6, vocab=4096, prompt="vicuna_v1",
                      tower=dict(hidden=256, mlp=1024, layers=6, heads=4, size=112, patch=14),
                      batch=8, micro_batch=4, steps=6, words=(8, 24), prompts=16, new_tokens=48, lora_rank=16),
    "smollm2-135m": dict(prompt="chat", batch=4, micro_batch=2, steps=4, words=(24, 60), prompts=16, new_tokens=48, lora_rank=16),
    # gpu.py alone. A sample is about `positions` long, as LLaVA's own are.
    "llava-7b": dict(layers=32, hidden=4096, mlp=11008, heads=32, kv_heads=32, vocab=32064, prompt="vicuna_v1", dtype="bfloat16",
                     tower=dict(hidden=1024, mlp=4096, layers=24, heads=16, size=336, patch=14), positions=750,
                     batch=16, micro_batch=16, steps=6, words=(2, 4), prompts=16, new_tokens=256, lora_rank=128),
}
CPU_CASES = ("micro", "llava-20m", "smollm2-135m")
# A question's whole prompt, by the name that a tune stage has for it; "chat" is SmolLM2's own.
PROMPTS = {
    "micro": "USER: {} ASSISTANT:",
    "vicuna_v1": ("A chat between a curious user and an artificial intelligence assistant. The assistant gives helpful, detailed, "
                  "and polite answers to the user's questions. USER: {} ASSISTANT:"),
    "chat": ("<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
             "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n"),
}
TASKS = ("full", "lora", "generate", "load")
LR = 1e-3  # LoRA's alpha is twice its rank, its targets are all seven matrices of a layer
