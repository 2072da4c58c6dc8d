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
        ("partial_rotary_factor", "0.5", "partial_rotary_factor is set, and this program does not compute it"),
        ("quantization_config", "{}", "quantization_config is set: open the unquantised checkpoint, or a GGUF file"),
        ("num_key_value_heads", "3", "2 attention heads cannot share 3 key-value heads evenly"),
        ("num_hidden_layers", "0", "layers: 0 is not between 1 and 10000"),
        ("hidden_size", "-16", "num_attention_heads is 2"),
        ("intermediate_size", "9223372036854775807", "MLP width: 9223372036854775807 is not between 1 and 16777216"),
        ("vocab_size", "1.5", "vocab_size is not a whole number"),
        (
            "rope_parameters", #"{"rope_type":"longrope"}"#,
            "rope settings: type longrope is not supported (default, linear, llama3 and yarn are)"
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
