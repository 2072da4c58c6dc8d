import Checkpoint
import Foundation
import TestSupport
import Testing

/// `config.json` of both generations of transformers, and what is refused.
@Suite struct HuggingFaceConfigTests {
    @Test func allFourArchitectures() throws {
        let llama = try Checkpoint.open(Fixture.path("models/llama")).config
        #expect(llama.architecture == .llama && llama.attentionInputBias && llama.attentionOutputBias && llama.mlpBias)
        #expect(
            llama.ropeScaling
                == .llama3(factor: 8, lowFrequencyFactor: 1, highFrequencyFactor: 4, originalMaxPositions: 32))
        #expect(llama.ropeTheta == 5000 && llama.headDim == 8)
        #expect(try Checkpoint.open(Fixture.path("models/mistral")).config.slidingWindows == [8, 8])
        let qwen2 = try Checkpoint.open(Fixture.path("models/qwen2")).config
        #expect(qwen2.attentionInputBias && !qwen2.attentionOutputBias && qwen2.slidingWindows == [nil, nil])
        let qwen3 = try Checkpoint.open(Fixture.path("models/qwen3")).config
        #expect(qwen3.queryKeyNorm && !qwen3.attentionInputBias && qwen3.slidingWindows == [nil, 4])
    }

    /// The same settings spelled as transformers 4 spells them.
    @Test func versionFourSpelling() throws {
        let new = try Checkpoint.open(Fixture.path("models/llama")).config
        let old = try open("llama") {
            $0["rope_parameters"] = nil
            $0["dtype"] = nil
            $0["torch_dtype"] = "bfloat16"
            $0["rope_theta"] = 5000.0
            $0["rope_scaling"] =
                [
                    "type": "llama3", "factor": 8, "low_freq_factor": 1, "high_freq_factor": 4,
                    "original_max_position_embeddings": 32,
                ] as [String: Any]
        }
        #expect(old == new)
    }

    @Test func yarn() throws {
        let config = try open("qwen2") {
            $0["rope_parameters"] = [
                "rope_type": "yarn", "rope_theta": 1e6, "factor": 4, "original_max_position_embeddings": 32,
            ]
        }
        guard case .yarn(4, 32, 32, 1, let attention) = config.ropeScaling else {
            return #expect(Bool(false), "\(config.ropeScaling)")
        }
        #expect(abs(attention - 1.1386294361119891) < 1e-15)
    }

    @Test func windowsOfQwenBeginWhereTheConfigurationSays() throws {
        let config = try open("qwen2") {
            $0["layer_types"] = nil
            $0["use_sliding_window"] = true
            $0["sliding_window"] = 7
            $0["max_window_layers"] = 1
        }
        #expect(config.slidingWindows == [nil, 7])
    }

    @Test func mistralWithoutWindow() throws {
        #expect(try open("mistral") { $0["sliding_window"] = NSNull() }.slidingWindows == [nil, nil])
    }

    @Test(arguments: [
        ("model_type", "gemma", "model_type gemma is not supported (llama, mistral, qwen2 and qwen3 are)"),
        ("hidden_act", "gelu", "hidden_act gelu is not supported (silu is)"),
        ("attention_multiplier", "0.5", "attention_multiplier is set, and this program does not compute it"),
        ("num_experts", "8", "num_experts is set, and this program does not compute it"),
        ("logit_scale", "0.1", "logit_scale is set, and this program does not compute it"),
        ("final_logit_softcapping", "30", "final_logit_softcapping is set, and this program does not compute it"),
        ("partial_rotary_factor", "0.5", "partial_rotary_factor 0.5 is not supported"),
        ("quantization_config", "{}", "quantization_config is set: open the unquantised checkpoint, or a GGUF file"),
        ("num_key_value_heads", "3", "2 attention heads cannot share 3 key-value heads evenly"),
        ("num_hidden_layers", "0", "layers: 0 is not between 1 and 10000"),
        ("hidden_size", "-16", "num_attention_heads is 2"),
        ("intermediate_size", "9223372036854775807", "MLP width: 9223372036854775807 is not between 1 and 16777216"),
        ("vocab_size", "1.5", "vocab_size is not a whole number"),
        (
            "rope_parameters", #"{"rope_type":"longrope"}"#,
            "rope settings: type longrope is not supported (default, linear, dynamic, llama3 and yarn are)"
        ),
        ("rope_parameters", #"{"rope_type":"linear"}"#, "rope settings: factor is missing or not positive"),
        (
            "architectures", #"["LlamaForSequenceClassification"]"#,
            "architectures names LlamaForSequenceClassification, where LlamaForCausalLM is expected"
        ),
    ])
    func refusals(key: String, value: String, fault: String) throws {
        let error = #expect(throws: CheckpointError.self) {
            try open("llama") {
                $0[key] =
                    (try? JSONSerialization.jsonObject(with: Data(value.utf8), options: .fragmentsAllowed)) ?? value
            }
        }
        #expect(error?.fault == fault)
    }

    /// Keys that change who attends to whom, the scale, the caps or the order of anything.
    @Test(arguments: [
        ("is_causal", "false"), ("use_bidirectional_attention", "true"), ("add_cross_attention", "true"),
        ("attn_logit_softcapping", "20.0"), ("logit_softcap", "1.0"), ("query_pre_attn_scalar", "64"),
        ("residual_multiplier", "2.0"), ("attention_multiplier", "0"), ("logits_scaling", "4"), ("clip_qkv", "1.0"),
        ("embedding_multiplier", "3"), ("attention_chunk_size", "4"), ("no_rope_layers", "[0]"), ("use_rope", "false"),
        ("num_kv_shared_layers", "1"), ("per_layer_config", #"{"0":{"hidden_size":8}}"#), ("parallel_attn", "true"),
        ("sliding_window", "5"), ("pruned_heads", #"{"0":[1]}"#), ("attention_sinks", "true"),
        ("norm_type", #""layer""#),
        ("rope_parameters", #"{"rope_type":"default","mrope_section":[1,1,2]}"#),
        ("rope_parameters", #"{"full_attention":{"rope_type":"default"}}"#),
        ("rope_parameters", #"{"rope_type":"yarn","factor":2.0,"truncate":false}"#),
    ])
    func otherMathematicsIsRefusedByName(key: String, value: String) throws {
        let error = #expect(throws: CheckpointError.self) { try openRaw([(key, value)]) }
        #expect(error?.kind == .unsupported, "\(key) \(value): \(String(describing: error))")
    }

    /// Another type than transformers takes; two spellings that disagree.
    @Test(arguments: [
        ("rms_norm_eps", #""1e-5""#, "rms_norm_eps is not a finite number"),
        ("rms_norm_eps", "null", "rms_norm_eps is not a finite number"),
        ("num_hidden_layers", "2.0", "num_hidden_layers is not a whole number"),
        ("num_hidden_layers", "100000000000000000000", "num_hidden_layers is not a whole number"),
        ("hidden_size", "true", "hidden_size is not a whole number"),
        ("tie_word_embeddings", #""true""#, "tie_word_embeddings is not true or false"),
        ("attention_bias", "1", "attention_bias is not true or false"),
        ("hidden_act", "null", "hidden_act is not a text"),
        ("layer_types", #""full_attention""#, "layer_types is not a list"),
        ("layer_types", #"["full_attention"]"#, "layer_types has 1 entries for 2 layers"),
        ("architectures", #""LlamaForCausalLM""#, "architectures is not a list"),
        ("rope_theta", #""10000""#, "rope_theta is not a finite number"),
        ("rope_theta", "77.0", "rope_theta is 77.0 and, in the rope settings, 5000.0"),
        ("rope_scaling", #""linear""#, "rope_scaling is not an object"),
        ("rope_scaling", #"{"rope_type":"linear","factor":2.0}"#, "rope_scaling contradicts rope_parameters"),
        (
            "rope_parameters", #"{"rope_type":"linear","type":"yarn","factor":2}"#,
            "rope settings: rope_type linear contradicts type yarn"
        ),
        ("rope_parameters", #"{"rope_type":"linear","factor":"2"}"#, "rope settings: factor is not a finite number"),
        (
            "rope_parameters", #"{"rope_type":"yarn","factor":2,"original_max_position_embeddings":16.5}"#,
            "rope settings: original_max_position_embeddings is 16.5"
        ),
        (
            "original_max_position_embeddings", "64",
            "original_max_position_embeddings is 64 and, in the rope settings, 32"
        ),
        ("eos_token_id", #""2""#, "eos_token_id is no whole number and no list of them"),
        ("bos_token_id", "1.5", "bos_token_id is no whole number and no list of them"),
        ("use_cache", #""no""#, "use_cache is not true or false"),
        ("attention_dropout", #""0""#, "attention_dropout is not a finite number"),
    ])
    func otherTypesAndContradictionsAreNamed(key: String, value: String, fault: String) throws {
        let error = #expect(throws: CheckpointError.self) { try openRaw([(key, value)]) }
        #expect(error?.fault == fault)
    }

    @Test func aKeyThatAppearsTwice() throws {
        let scratch = TemporaryFolder()
        try scratch.write(Fixture.bytes("models/qwen2/model.safetensors"), "model.safetensors")
        let text = String(decoding: try Fixture.bytes("models/qwen2/config.json"), as: UTF8.self)
        func open(_ addition: String) throws -> ModelConfig {
            try scratch.write(Array("{\(addition),\(text.drop { $0 != "{" }.dropFirst())".utf8), "config.json")
            return try Checkpoint.open(scratch.path).config
        }
        #expect(try open(#""model_type":"qwen2""#) == Checkpoint.open(Fixture.path("models/qwen2")).config)
        let error = #expect(throws: CheckpointError.self) { try open(#""rms_norm_eps":0.5"#) }
        #expect(error?.fault == "rms_norm_eps appears twice, with different values")
    }

    /// Up to the trained positions it is no scaling; beyond them `Stage` refuses.
    @Test func dynamicScaling() throws {
        let config = try open("llama") {
            $0["rope_parameters"] = ["rope_type": "dynamic", "rope_theta": 5000.0, "factor": 2]
        }
        #expect(config.ropeScaling == .dynamic(factor: 2))
    }

    @Test(arguments: ["LLaMAForCausalLM", "LlamaModel"])
    func otherNamesOfTheClass(name: String) throws {
        #expect(
            try open("llama") { $0["architectures"] = [name] } == Checkpoint.open(Fixture.path("models/llama")).config)
    }

    /// What configurations of released models hold beside the mathematics.
    @Test func notesOfReleasedModelsAreIgnored() throws {
        let config = try openRaw([
            ("pretraining_tp", "2"), ("use_cache", "false"), ("initializer_range", "0.02"),
            ("attention_dropout", "0.1"),
            ("transformers_version", #""4.38.1""#), ("_name_or_path", #""x""#), ("torch_dtype", #""float16""#),
            ("bos_token_id", "1"), ("eos_token_id", "[1, 2]"), ("pad_token_id", "-1"), ("mask_token_id", "7"),
            ("is_decoder", "false"), ("tie_encoder_decoder", "false"), ("pruned_heads", "{}"),
            ("id2label", #"{"0":"a"}"#),
            ("max_length", "20"), ("sliding_window", "null"), ("layer_types", "null"), ("partial_rotary_factor", "1.0"),
            ("local_rank", "-1"), ("seed", "42"), ("unsloth_fixed", "true"), ("training_note", #""scaled by hand""#),
            ("is_causal", "true"), ("rope_scaling", "null"), ("residual_multiplier", "1.0"), ("num_experts", "0"),
        ])
        #expect(config == (try Checkpoint.open(Fixture.path("models/llama")).config))
    }

    /// The Llama fixture's configuration with these members, written as they stand here.
    private func openRaw(_ members: [(key: String, value: String)]) throws -> ModelConfig {
        let scratch = TemporaryFolder()
        var json =
            try JSONSerialization.jsonObject(with: Data(Fixture.bytes("models/llama/config.json"))) as! [String: Any]
        for member in members { json[member.key] = nil }
        let rest = String(decoding: try JSONSerialization.data(withJSONObject: json), as: UTF8.self).dropFirst()
        let added = members.map { "\"\($0.key)\":\($0.value)," }.joined()
        try scratch.write(Array("{\(added)\(rest)".utf8), "config.json")
        try scratch.write(Fixture.bytes("models/llama/model.safetensors"), "model.safetensors")
        return try Checkpoint.open(scratch.path).config
    }

    @Test func harmlessAndNeutralKeysAreIgnored() throws {
        let config = try open("llama") {
            $0["unsloth_version"] = "1"
            $0["rope_interleaved"] = false
            $0["logit_scale"] = 1.0
            $0["transformers.js_config"] = ["dtype": "q4"]
        }
        #expect(config == (try Checkpoint.open(Fixture.path("models/llama")).config))
    }

    /// The configuration of a fixture model with some keys changed.
    private func open(_ model: String, _ change: (inout [String: Any]) -> Void) throws -> ModelConfig {
        let scratch = TemporaryFolder()
        var json =
            try JSONSerialization.jsonObject(with: Data(Fixture.bytes("models/\(model)/config.json"))) as! [String: Any]
        change(&json)
        try scratch.write(Array(JSONSerialization.data(withJSONObject: json)), "config.json")
        try scratch.write(Fixture.bytes("models/\(model)/model.safetensors"), "model.safetensors")
        return try Checkpoint.open(scratch.path).config
    }
}
