import Selection
import Tensors
import Transformer

/// What a stage does with an edit of a kind. The conformances stand in this folder, a file a kind; the kind finds them.
protocol AppliedEdit: WeightEdit {
    /// Changes the stage, whose weights are the checkpoint's. `StageContext` takes it back before the next edit.
    /// - Parameter bundle: the stage's share of the edit.
    /// - Throws: `EngineError` where it does not fit the model.
    static func apply(_ bundle: TensorBundle, to stage: StageContext) throws
}

extension StageContext {
    /// - Throws: `SelectionError.unknownEdit`: an edit is never taken for one of another kind.
    func change(by bundle: TensorBundle) throws {
        let kind = try EditKind.of(bundle)
        guard let type = kind.type as? any AppliedEdit.Type else { throw EngineError.cannotApply(kind.rawValue) }
        try type.apply(bundle, to: self)
    }

    /// Calls `body` with every linear map of the stage: the matrix that has it, its number there, and its place in it.
    func forEachMap(_ body: (WeightMatrix, Int, WeightMatrix.Part) throws -> Void) rethrows {
        for layer in stage.layers {
            for matrix in layer.stacks {
                for (number, part) in matrix.parts.enumerated() { try body(matrix, number, part) }
            }
        }
    }

    /// The masks of the stage's maps.
    /// - Throws: `EngineError.wrongMask` where one is not as many bits as its map has weights.
    func forEachMask(
        _ bundle: TensorBundle, _ body: (WeightMatrix, Int, WeightMatrix.Part, AlignedBuffer) -> Void
    ) throws {
        let byName = bundle.byName
        try forEachMap { matrix, number, part in
            guard let mask = byName[part.name] else { return }
            try Self.check(mask, count: part.rows.count * matrix.columns)
            body(matrix, number, part, mask.buffer)
        }
    }
}

extension StageContext {
    /// Norms and biases of the stage's blocks, with the numbers that each has.
    var blockVectors: [(name: String, count: Int)] { stage.layers.flatMap { $0.vectors.flatMap(\.parts) } }

    /// - Throws: `EngineError.wrongMask` where an edit's entry is not so many bits.
    static func check(_ mask: TensorBundle.Entry, count: Int) throws {
        guard mask.type == .u8 else { throw EngineError.wrongMask("\(mask.name) is \(mask.type.rawValue), not U8") }
        try check(mask.buffer, of: mask.name, count: count)
    }

    /// - Throws: `EngineError.wrongMask` where the bytes are not as many bits.
    static func check(_ mask: AlignedBuffer, of name: String, count: Int) throws {
        let bytes = (count + 7) / 8
        guard mask.byteCount == bytes else {
            throw EngineError.wrongMask("\(name) has \(mask.byteCount) bytes, not \(bytes)")
        }
    }
}

extension TensorBundle {
    /// Of two entries with one name the first.
    var byName: [String: Entry] { Dictionary(entries.map { ($0.name, $0) }) { first, _ in first } }
}
