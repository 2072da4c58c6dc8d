/// A model cut into several GGUF files, `NAME-00001-of-00003.gguf` and so on, as llama.cpp's `gguf-split` and gguf-py
/// write it: the first holds the metadata, all hold tensors, `split.no`, `split.count` and `split.tensors.count`.
enum GGUFSplit {
    private static let mostParts = 99_999

    /// - Returns: the file alone where it is whole, otherwise all parts in order.
    static func parts(of first: GGUFFile) throws(CheckpointError) -> [GGUFFile] {
        guard let count = try first.integer("split.count"), count > 1 else { return [first] }
        let number = try first.integer("split.no") ?? 0
        guard count <= mostParts, (0..<count).contains(number) else {
            throw CheckpointError(.malformed, file: first.path, "says it is part \(number + 1) of \(count)")
        }
        let ending = suffix(number, of: count)
        guard first.path.hasSuffix(ending) else {
            throw CheckpointError(
                .mismatch, file: first.path,
                "is part \(number + 1) of \(count): its name must end in \(ending), so that the others are found")
        }
        let stem = first.path.dropLast(ending.count)
        guard number == 0 else {
            throw CheckpointError(
                .mismatch, file: first.path,
                "is part \(number + 1) of \(count): name the first one, \(stem)\(suffix(0, of: count))")
        }
        var parts = [first]
        for i in 1..<count {
            let part = try GGUFFile(path: stem + suffix(i, of: count))
            guard try part.integer("split.no") == i, try part.integer("split.count") == count else {
                throw CheckpointError(.mismatch, file: part.path, "is not part \(i + 1) of \(count)")
            }
            parts.append(part)
        }
        let found = parts.reduce(0) { $0 + $1.tensors.count }
        if let expected = try first.integer("split.tensors.count"), expected != found {
            throw CheckpointError(
                .mismatch, file: first.path, "\(expected) tensors were cut into \(count) files, which hold \(found)")
        }
        return parts
    }

    private static func suffix(_ number: Int, of count: Int) -> String {
        "-\(padded(number + 1))-of-\(padded(count)).gguf"
    }

    private static func padded(_ number: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, 5 - digits.count)) + digits
    }
}
