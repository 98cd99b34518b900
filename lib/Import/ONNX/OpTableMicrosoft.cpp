//===- OpTableMicrosoft.cpp - the operators of com.microsoft -------------===//
//
// Part of dejavu, under the Apache License v2.0 with LLVM Exceptions.
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// The domain of ONNX Runtime's own operators. It has stayed at version 1:
// operators get new optional inputs and attributes in place.
//
//===----------------------------------------------------------------------===//

#include "OpTable.h"

using namespace mlir::dejavu::onnximport;

static constexpr OpRow table[] = {
    {"Attention", 1, "2-7", "1-2",
     "do_rotary:int mask_filter_value:float num_heads:int! "
     "past_present_share_buffer:int qkv_hidden_sizes:ints "
     "rotary_embedding_dim:int scale:float unidirectional:int"},
    {"BiasGelu", 1, "2", "1"},
    {"EmbedLayerNormalization", 1, "7-9?1,4", "1-3",
     "epsilon:float mask_index_type:int"},
    {"FastGelu", 1, "1-2", "1"},
    {"FusedMatMul", 1, "2", "1",
     "alpha:float transA:int transB:int transBatchA:int transBatchB:int"},
    {"GatherBlockQuantized", 1, "3-4", "1",
     "bits:int block_size:int gather_axis:int quantize_axis:int"},
    {"Gelu", 1, "1", "1"},
    {"GroupQueryAttention", 1, "7-17?1,2,3,4", "1-4",
     "causal:int do_rotary:int k_norm_epsilon:float k_quant_type:string "
     "kv_cache_bit_width:int kv_num_heads:int! local_window_size:int "
     "num_heads:int! q_norm_epsilon:float qk_norm_epsilon:float "
     "qk_output:int rotary_interleaved:int scale:float "
     "sliding_window_cache:int smooth_softmax:int softcap:float "
     "v_quant_type:string"},
    {"MatMulNBits", 1, "3-6", "1",
     "K:int! N:int! accuracy_level:int bits:int block_size:int! "
     "weight_prepacked:int"},
    {"MoE", 1, "5-8?3", "1",
     "activation_alpha:float activation_beta:float activation_type:string "
     "k:int normalize_routing_weights:int swiglu_fusion:int "
     "swiglu_limit:float swiglu_limit_after_activation:int "
     "use_sparse_mixer:int"},
    {"MultiHeadAttention", 1, "1-10", "1-4",
     "mask_filter_value:float num_heads:int! scale:float unidirectional:int"},
    {"QMoE", 1, "6-21?3,4", "1",
     "accuracy_level:int activation_alpha:float activation_beta:float "
     "activation_type:string block_size:int expert_weight_bits:int "
     "fc1_expert_weight_bits:int fc2_expert_weight_bits:int "
     "fc3_expert_weight_bits:int k:int normalize_routing_weights:int "
     "quant_type:string swiglu_fusion:int swiglu_limit:float "
     "swiglu_limit_after_activation:int use_sparse_mixer:int "
     "weights_prepacked:int"},
    {"QuickGelu", 1, "1", "1", "alpha:float"},
    {"RotaryEmbedding", 1, "4", "1",
     "interleaved:int is_packed_batching:int num_heads:int "
     "rotary_embedding_dim:int scale:float"},
    {"SkipLayerNormalization", 1, "3-5", "1-4", "epsilon:float"},
    {"SkipSimplifiedLayerNormalization", 1, "3-4", "1-4", "epsilon:float"},
};

llvm::ArrayRef<OpRow> mlir::dejavu::onnximport::getMicrosoftRows() {
  return table;
}
