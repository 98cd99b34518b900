# Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Tiny random models of many transformer families, for export_tiny.py.

A family is a configuration class of transformers with small numbers. Weights
are random, but not all alike: norms have weights that differ from 1, every bias
is nonzero, and queries and keys are large enough for attention to prefer some
keys, so that a wrong rotation, mask, window or scale changes the outputs by far
more than a tolerance of 1e-4.

Needs torch and transformers."""

import dataclasses
import math

import torch
import transformers

TABLES = ("cls_token", "position_embeddings", "mask_token",
          "distillation_token")
WINDOW = 5  # of sliding window attention: shorter than every golden case


@dataclasses.dataclass(frozen=True)
class Family:
    """How to make the model: `config` is a class of transformers, `head` one of
    its auto classes."""

    config: str
    settings: dict
    head: str = "AutoModelForCausalLM"
    kind: str = "decoder"  # encoder, embedder, vision, seq2seq-decoder
    cache: bool = True
    offset: int = 0  # of the position of the first token


def sized(**settings):
    """The sizes that nearly all families call the same, then `settings`."""
    common = {"hidden_size": 64, "num_hidden_layers": 2, "vocab_size": 256,
              "num_attention_heads": 4, "max_position_embeddings": 128,
              "intermediate_size": 128}
    return {**common, **settings}


HALF = {"rope_type": "default", "rope_theta": 10000.0,
        "partial_rotary_factor": 0.5}
GQA = {"num_key_value_heads": 2}
GEMMA = {**GQA, "head_dim": 16, "hidden_activation": "gelu_pytorch_tanh"}
PHI3 = {"pad_token_id": 0, "original_max_position_embeddings": 128}
FALCON = {"ffn_hidden_size": 256, "intermediate_size": 256}
OLD_NAMES = {"n_embd": 64, "n_layer": 2, "n_head": 4, "n_positions": 128,
             "vocab_size": 256}
IMAGE = {"image_size": 32, "patch_size": 8}
T5 = {"d_model": 64, "d_kv": 16, "d_ff": 128, "num_layers": 2,
      "num_decoder_layers": 2, "num_heads": 4, "vocab_size": 256,
      "relative_attention_num_buckets": 8,
      "relative_attention_max_distance": 16, "initializer_factor": 1.0}
GATED = {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False}
RELU = {"feed_forward_proj": "relu"}

FAMILIES = {
    "bloom": Family("BloomConfig", {"hidden_size": 64, "n_layer": 2,
                                    "n_head": 4, "vocab_size": 256}),
    "bloom-5heads": Family("BloomConfig", {
        "hidden_size": 80, "n_layer": 2, "n_head": 5, "vocab_size": 256}),
    "falcon": Family("FalconConfig", sized(
        **FALCON, multi_query=True, parallel_attn=True, bias=False,
        new_decoder_architecture=False, alibi=False)),
    "falcon-new": Family("FalconConfig", sized(
        **FALCON, num_kv_heads=2, new_decoder_architecture=True, bias=False,
        parallel_attn=True, alibi=False)),
    "falcon-alibi": Family("FalconConfig", sized(
        **FALCON, multi_query=False, new_decoder_architecture=False,
        parallel_attn=False, bias=True, alibi=True)),
    "mpt": Family("MptConfig", {
        "d_model": 64, "n_heads": 4, "n_layers": 2, "expansion_ratio": 2,
        "max_seq_len": 128, "vocab_size": 256}),
    "gptj": Family("GPTJConfig", {**OLD_NAMES, "rotary_dim": 8}),
    "codegen": Family("CodeGenConfig", {**OLD_NAMES, "rotary_dim": 8}),
    "gpt_neo": Family("GPTNeoConfig", {
        "hidden_size": 64, "num_layers": 2, "num_heads": 4, "vocab_size": 256,
        "attention_types": [[["global", "local"], 1]], "window_size": WINDOW,
        "max_position_embeddings": 128, "intermediate_size": 128}),
    "gpt_bigcode": Family("GPTBigCodeConfig", {**OLD_NAMES,
                                               "multi_query": True}),
    "opt": Family("OPTConfig", {
        "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
        "ffn_dim": 256, "vocab_size": 256, "max_position_embeddings": 128,
        "word_embed_proj_dim": 64}),
    "gpt2": Family("GPT2Config", OLD_NAMES),
    "gpt_neox": Family("GPTNeoXConfig", sized(
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0,
                         "partial_rotary_factor": 0.25})),
    "llama": Family("LlamaConfig", sized(**GQA)),
    "llama3-rope": Family("LlamaConfig", sized(**GQA, rope_parameters={
        "rope_type": "llama3", "rope_theta": 500000.0, "factor": 8.0,
        "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 32})),
    "llama-bias": Family("LlamaConfig", sized(
        **GQA, attention_bias=True, mlp_bias=True)),
    "mistral": Family("MistralConfig", sized(
        **GQA, sliding_window=WINDOW, head_dim=16)),
    "mistral-full": Family("MistralConfig", sized(
        **GQA, sliding_window=None, head_dim=16)),
    "ministral": Family("MinistralConfig", sized(
        **GQA, head_dim=16, sliding_window=WINDOW,
        layer_types=["sliding_attention", "full_attention"])),
    "qwen2": Family("Qwen2Config", sized(**GQA, tie_word_embeddings=True)),
    "qwen3": Family("Qwen3Config", sized(**GQA, head_dim=32)),
    "phi": Family("PhiConfig", sized(rope_parameters=HALF)),
    "phi3": Family("Phi3Config", sized(
        **GQA, **PHI3, sliding_window=None)),
    "phi3-window": Family("Phi3Config", sized(
        **GQA, **PHI3, sliding_window=WINDOW)),
    "phi4-mini": Family("Phi3Config", sized(
        **GQA, **PHI3, sliding_window=None, tie_word_embeddings=True,
        rope_parameters={"rope_type": "default", "rope_theta": 10000.0,
                         "partial_rotary_factor": 0.75})),
    "gemma": Family("GemmaConfig", sized(**GEMMA)),
    "gemma2": Family("Gemma2Config", sized(
        **GEMMA, sliding_window=WINDOW, query_pre_attn_scalar=24,
        attn_logit_softcapping=5.0, final_logit_softcapping=8.0)),
    "gemma3": Family("Gemma3TextConfig", sized(
        **GEMMA, sliding_window=WINDOW, query_pre_attn_scalar=24,
        layer_types=["sliding_attention", "full_attention"])),
    "nemotron": Family("NemotronConfig", sized(
        **GQA, head_dim=16, hidden_act="relu2", rope_parameters=HALF)),
    "stablelm": Family("StableLmConfig", sized(
        **GQA, use_qkv_bias=True, rope_parameters={
            "rope_type": "default", "rope_theta": 10000.0,
            "partial_rotary_factor": 0.25})),
    "stablelm-parallel": Family("StableLmConfig", sized(
        **GQA, use_parallel_residual=True, qk_layernorm=True)),
    "starcoder2": Family("Starcoder2Config", sized(
        **GQA, sliding_window=None)),
    "starcoder2-window": Family("Starcoder2Config", sized(
        **GQA, sliding_window=WINDOW)),
    "olmo": Family("OlmoConfig", sized(**GQA, clip_qkv=None)),
    "olmo-clip": Family("OlmoConfig", sized(**GQA, clip_qkv=1.5)),
    "olmo2": Family("Olmo2Config", sized(**GQA)),
    "granite": Family("GraniteConfig", sized(
        **GQA, embedding_multiplier=3.0, attention_multiplier=0.2,
        residual_multiplier=0.7, logits_scaling=2.0)),
    "cohere": Family("CohereConfig", sized(**GQA, logit_scale=0.3)),
    "cohere-qknorm": Family("CohereConfig", sized(
        **GQA, logit_scale=0.3, use_qk_norm=True)),
    "cohere2": Family("Cohere2Config", sized(
        **GQA, logit_scale=0.3, sliding_window=WINDOW,
        layer_types=["sliding_attention", "full_attention"])),
    "smollm3": Family("SmolLM3Config", sized(
        **GQA, no_rope_layers=[1, 0], pad_token_id=0)),
    "glm": Family("GlmConfig", sized(
        **GQA, head_dim=16, attention_bias=True, pad_token_id=0)),
    "exaone4": Family("Exaone4Config", sized(
        **GQA, sliding_window=WINDOW, pad_token_id=0,
        layer_types=["sliding_attention", "full_attention"])),
    "persimmon": Family("PersimmonConfig", sized(qk_layernorm=True)),
    "biogpt": Family("BioGptConfig", sized(scale_embedding=True), offset=2),
    "xglm": Family("XGLMConfig", {
        "d_model": 64, "ffn_dim": 128, "num_layers": 2, "attention_heads": 4,
        "vocab_size": 256, "max_position_embeddings": 128}),
    "gpt_oss": Family("GptOssConfig", sized(
        **GQA, head_dim=16, num_local_experts=4, num_experts_per_tok=2,
        sliding_window=WINDOW)),
    "mixtral": Family("MixtralConfig", sized(
        **GQA, num_local_experts=4, num_experts_per_tok=2)),
    "qwen2_moe": Family("Qwen2MoeConfig", sized(
        **GQA, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=32,
        shared_expert_intermediate_size=64)),
    # Wider heads: GroupQueryAttention of ONNX Runtime rotates no fewer than 16
    # values of each.
    "llama-wide": Family("LlamaConfig", sized(
        num_attention_heads=2, num_key_value_heads=1)),
    "mistral-wide": Family("MistralConfig", sized(
        num_attention_heads=2, num_key_value_heads=1, head_dim=32,
        sliding_window=WINDOW)),
    "phi-wide": Family("PhiConfig", sized(
        num_attention_heads=2, rope_parameters=HALF)),
    "nemotron-wide": Family("NemotronConfig", sized(
        num_attention_heads=2, num_key_value_heads=1, head_dim=32,
        hidden_act="relu2", rope_parameters=HALF)),
    # Decoders without a cache: logits of all tokens.
    "gpt2-nocache": Family("GPT2Config", OLD_NAMES, cache=False),
    "opt-nocache": Family("OPTConfig", {
        "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4,
        "ffn_dim": 256, "vocab_size": 256, "max_position_embeddings": 128,
        "word_embed_proj_dim": 64}, cache=False),
    "llama-nocache": Family("LlamaConfig", sized(**GQA), cache=False),
    # Encoders.
    "bert": Family("BertConfig", sized(), "AutoModel", "encoder"),
    "bert-mlm": Family("BertConfig", sized(), "AutoModelForMaskedLM",
                       "encoder"),
    "bert-classifier": Family("BertConfig", sized(num_labels=3),
                              "AutoModelForSequenceClassification", "encoder"),
    "minilm": Family("BertConfig", sized(), "AutoModel", "embedder"),
    "distilbert": Family("DistilBertConfig", {
        "dim": 64, "n_layers": 2, "n_heads": 4, "hidden_dim": 128,
        "vocab_size": 256, "max_position_embeddings": 128}, "AutoModel",
        "encoder"),
    "roberta": Family("RobertaConfig", sized(max_position_embeddings=130),
                      "AutoModel", "encoder"),
    "xlm-roberta": Family("XLMRobertaConfig", sized(
        max_position_embeddings=130), "AutoModel", "encoder"),
    "mpnet": Family("MPNetConfig", sized(
        max_position_embeddings=130), "AutoModel", "encoder"),
    "albert": Family("AlbertConfig", sized(embedding_size=32), "AutoModel",
                     "encoder"),
    "electra": Family("ElectraConfig", sized(embedding_size=32), "AutoModel",
                      "encoder"),
    "deberta-v2": Family("DebertaV2Config", sized(
        relative_attention=True, position_buckets=8, norm_rel_ebd="layer_norm",
        share_att_key=True, pos_att_type=["p2c", "c2p"],
        max_relative_positions=16, type_vocab_size=0), "AutoModel", "encoder"),
    "modernbert": Family("ModernBertConfig", sized(
        local_attention=14, pad_token_id=0, bos_token_id=1, eos_token_id=2,
        cls_token_id=1, sep_token_id=2), "AutoModel", "encoder"),
    "t5-encoder": Family("T5Config", {**T5, **RELU}, "T5EncoderModel",
                         "encoder"),
    "t5-encoder-gated": Family("T5Config", {**T5, **GATED}, "T5EncoderModel",
                               "encoder"),
    # Images.
    "vit": Family("ViTConfig", sized(**IMAGE), "AutoModel", "vision"),
    "vit-classifier": Family("ViTConfig", sized(**IMAGE, num_labels=10),
                             "AutoModelForImageClassification", "vision"),
    "deit": Family("DeiTConfig", sized(**IMAGE), "AutoModel", "vision"),
    "dinov2": Family("Dinov2Config", sized(**IMAGE, mlp_ratio=2), "AutoModel",
                     "vision"),
    "clip-vision": Family("CLIPVisionConfig", sized(**IMAGE),
                          "CLIPVisionModel", "vision"),
    # Decoders that also attend to an encoder.
    "t5-decoder": Family("T5Config", {**T5, **RELU},
                         "T5ForConditionalGeneration", "seq2seq-decoder"),
    "t5-decoder-gated": Family("T5Config", {**T5, **GATED},
                               "T5ForConditionalGeneration",
                               "seq2seq-decoder"),
    "t5-decoder-nocache": Family("T5Config", {**T5, **RELU},
                                 "T5ForConditionalGeneration",
                                 "seq2seq-decoder", cache=False),
}


def randomize(model, seed=0, step=0.0):
    """Draws every parameter anew: see the head of this file. With a `step`,
    all are multiples of it."""
    random = torch.Generator().manual_seed(seed)
    seen = set()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.data_ptr() in seen:
                continue  # tied
            seen.add(parameter.data_ptr())
            noise = torch.randn(parameter.shape, generator=random)
            drawn = start_of(model, name, parameter) + scale_of(
                model, name, parameter) * noise
            if step:
                drawn = (drawn / step).round() * step
            parameter.copy_(drawn)


def start_of(model, name, parameter):
    """What the parameter varies around: for the weight of a norm what it starts
    with (1, or 0 for weights that are added to 1), for all others 0."""
    if parameter.ndim == 1 and name.endswith(".weight"):
        return parameter.mean()
    return 0.0


def scale_of(model, name, parameter):
    """The standard deviation of a parameter."""
    last = name.rsplit(".", 1)[-1]
    if parameter.ndim == 1:
        return 0.2 if last == "weight" else 0.1
    if "relative_attention_bias" in name:
        return 1.0
    module = model.get_submodule(name.rpartition(".")[0])
    if isinstance(module, torch.nn.Embedding) or last in TABLES:
        return 0.5
    fan_in = math.prod(parameter.shape[1:])
    if type(module).__name__ == "Conv1D" or parameter.ndim == 3:
        fan_in = parameter.shape[-2]
    scale = 1.2 / math.sqrt(fan_in)
    if model.config.model_type == "t5" and name.endswith(".q.weight"):
        scale /= math.sqrt(model.config.d_kv)  # T5 has no 1/sqrt(d)
    return scale


def modest(settings):
    """The settings of `shrink`."""
    settings = dict(settings)
    for key in ("hidden_size", "n_embd", "d_model", "dim", "vocab_size",
                "intermediate_size", "ffn_dim", "hidden_dim", "d_ff",
                "ffn_hidden_size", "word_embed_proj_dim", "embedding_size",
                "head_dim", "d_kv", "rotary_dim", "max_position_embeddings",
                "n_positions", "max_seq_len"):
        if settings.get(key):
            settings[key] //= 2
    return settings


def older(settings):
    """The settings as transformers 4 names them."""
    settings = dict(settings)
    rope = settings.pop("rope_parameters", {})
    settings.update({k: v for k, v in rope.items()
                     if k in ("rope_theta", "partial_rotary_factor")})
    if rope.get("rope_type", "default") != "default":
        settings["rope_scaling"] = {k: v for k, v in rope.items()
                                    if k != "rope_theta"}
    return settings


def build(family, attention=None, shrink=False, seed=0):
    """The model, for inference, in float32. `attention` is an implementation
    of transformers, None its own choice. `shrink` halves the widths and the
    vocabulary, and gives the weights few bits: archives of it are small."""
    settings = modest(family.settings) if shrink else family.settings
    if int(transformers.__version__.split(".")[0]) < 5:
        settings = older(settings)
    config = getattr(transformers, family.config)(**settings)
    if "num_local_experts" in settings or "num_experts" in settings:
        config._experts_implementation = "batched_mm"
    if attention:
        config._attn_implementation = attention
    for key in ("bos_token_id", "eos_token_id"):
        value = getattr(config, key, None)
        if isinstance(value, list) or (value or 0) >= config.vocab_size:
            setattr(config, key, 1)
    torch.manual_seed(seed)
    auto = getattr(transformers, family.head)
    model = (auto.from_config(config, dtype=torch.float32)
             if family.head.startswith("Auto") else auto(config)).eval()
    randomize(model, seed, 1 / 128 if shrink else 0.0)
    return model.float()
