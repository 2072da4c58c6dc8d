import Tensors

/// Metadata by type: what is absent is `nil`, what has another type is an error that names it.
extension GGUFFile {
    private func value<T>(
        _ key: String, _ kind: String, _ read: (GGUFValue) -> T?
    ) throws(CheckpointError) -> T? {
        guard let value = metadata[key] else { return nil }
        guard let result = read(value) else {
            throw CheckpointError(.malformed, file: path, "metadata \(key) is not \(kind)")
        }
        return result
    }

    /// An integer of any of the format's widths that fits 64 bits with a sign.
    func integer(_ key: String) throws(CheckpointError) -> Int? {
        try value(key, "a whole number") { if case .integer(let value) = $0 { value } else { nil } }
    }

    /// An integer, or a list (one a layer) of equal ones.
    func uniform(_ key: String) throws(CheckpointError) -> Int? {
        guard let list = metadata[key]?.integers else { return try integer(key) }
        guard let first = list.first, list.allSatisfy({ $0 == first }) else {
            throw CheckpointError(
                .unsupported, file: path, "metadata \(key) differs between layers, which is not supported")
        }
        return first
    }

    func number(_ key: String) throws(CheckpointError) -> Double? {
        try value(key, "a finite number") { $0.double.flatMap { $0.isFinite ? $0 : nil } }
    }

    func flag(_ key: String) throws(CheckpointError) -> Bool? { try value(key, "true or false", \.boolean) }

    func text(_ key: String) throws(CheckpointError) -> String? { try value(key, "a text", \.string) }

    func texts(_ key: String) throws(CheckpointError) -> [ByteString]? { try value(key, "a list of texts", \.strings) }
}
