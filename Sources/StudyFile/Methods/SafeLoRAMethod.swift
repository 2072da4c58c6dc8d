package import Checkpoint
package import Selection
package import Tensors

/// After LoRA fine-tuning, B of some maps is replaced by C B, C made of the model's difference from its unaligned base (Safe
/// LoRA, arXiv 2405.16833; `SafeLoRA` has the formula).
package struct SafeLoRAMethod: ConditionMethod {
    package static let keys = ["safe_lora"]
    package static func axes(of key: String) -> [ListAxis] { [ListAxis(key: "tau"), ListAxis(key: "layers")] }

    /// The fine-tuned condition.
    package var tuned: String
    /// Path of the unaligned base model.
    package var base: String
    package var choice: SafeLoRA.Choice

    /// - Throws: `InputError` with file, line and the key's path.
    package init(_ entry: ConditionEntry) throws(InputError) {
        let node = try entry.settings(["of", "base", "tau", "layers"])
        tuned = try node.required("of", node.string)
        base = entry.path(try node.required("base", node.string))
        switch (try node.number("tau", in: -1...1), try node.integer("layers", in: 0...Int.max)) {
        case (_?, _?): throw node.error("layers", "goes not with tau: give one of them")
        case (let tau?, nil): choice = .threshold(tau)
        case (nil, let count): choice = .lowest(count ?? SafeLoRA.standardCount)
        }
    }

    package var title: String {
        let which =
            switch choice {
            case .threshold(let tau): "cosine at most \(plainNumber(tau))"
            case .lowest(let count): "the \(count) maps of lowest cosine"
            }
        return "Safe LoRA of \(tuned), \(which)"
    }
    package func family(_ extent: EditExtent) -> ConditionFamily { .safeLoRA }
    package var coordinates: [GridAxis] {
        switch choice {
        case .threshold(let tau): [GridAxis("tau", plainNumber(tau), tau)]
        case .lowest(let count): [GridAxis("layers", "\(count)", Double(count))]
        }
    }
    package var files: [String] { [base] }
    package var sides: [Study.Side] { [] }
    package var needsScores: Bool { false }
    package var sequence: BlockSequence { .withoutData }
    package var builtOn: [String] { [tuned] }

    package var making: Making {
        .edit { [self] inputs in
            try SafeLoRA.repaired(
                try inputs.lowRank(tuned), aligned: inputs.model, base: try Checkpoint.open(base), baseName: base,
                choice)
        }
    }

    package func check(_ condition: Study.Condition, in study: Study, _ top: StudyNode) throws(InputError) {
        try study.checkTuned(tuned, of: condition, key: "safe_lora.of", top)
    }

    /// Checks that the base model is there and has the same linear maps.
    /// - Throws: `CheckpointError` where it cannot be read; `SelectionError` naming what differs.
    package func check(_ condition: Study.Condition, against config: ModelConfig) throws {
        try SafeLoRA.check(try Checkpoint.open(base), named: base, against: config)
    }

    /// Checks that the base is another model: C is made of what differs.
    /// - Throws: `SelectionError.file` where it is the study's own; `CheckpointError` where it cannot be read.
    package func check(_ condition: Study.Condition, belongsTo model: () throws -> Provenance) throws {
        guard try Checkpoint.open(base).digest() == model().model else { return }
        throw SelectionError.file(
            base, fault: "is the study's own model: Safe LoRA needs the unaligned one that it was made of")
    }

    /// The trained matrices are known by their data and settings, which no words say.
    package func fingerprint(_ condition: Study.Condition, in study: Study, _ known: KnownInputs) -> [String]? { nil }
}

extension ConditionFamily { package static let safeLoRA = ConditionFamily(61, "Safe LoRA") }
