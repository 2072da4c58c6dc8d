import Tensors

/// Tables that tokenizers are made of, from the spellings in checkpoint files.
enum Vocabularies {
    /// Spellings by number; `nil` for numbers without a token. Added tokens come before those of the vocabulary, and
    /// those that are matched in normalised text are themselves normalised, as in `tokenizers`.
    static func spellings(
        _ tokens: [(ByteString, Int32)], added: [AddedToken], normalizers: [Normalizer] = []
    ) -> [[UInt8]?] {
        let highest = max(tokens.map(\.1).max() ?? -1, added.map(\.id).max() ?? -1)
        var result = [[UInt8]?](repeating: nil, count: Int(highest) + 1)
        for (token, id) in tokens { result[Int(id)] = token.bytes }
        for token in added {
            let content = token.normalized ? normalizers.reduce(token.content) { $1.apply($0) } : token.content
            result[Int(token.id)] = Array(text(of: content).utf8)
        }
        return result
    }

    /// The two parts of a merge written "left right"; `nil` where the line has another number of spaces.
    static func pair(_ line: ByteString) -> (left: ByteString, right: ByteString)? {
        let parts = line.bytes.split(separator: 0x20, omittingEmptySubsequences: false)
        guard parts.count == 2 else { return nil }
        return (ByteString(Array(parts[0])), ByteString(Array(parts[1])))
    }

    /// Ranks from pairs of tokens, in order; of a pair that comes twice the later rank.
    static func merges(
        _ pairs: [(left: ByteString, right: ByteString)], vocabulary: [ByteString: Int32], file: String
    ) throws(CheckpointError) -> [UInt64: BytePairModel.Merge] {
        var result: [UInt64: BytePairModel.Merge] = [:]
        result.reserveCapacity(pairs.count)
        var rank: Int32 = 0
        for pair in pairs {
            guard let left = vocabulary[pair.left], let right = vocabulary[pair.right],
                let whole = vocabulary[ByteString(pair.left.bytes + pair.right.bytes)]
            else {
                throw CheckpointError(.malformed, file: file, "merge \(rank) is not made of tokens of the vocabulary")
            }
            result[BytePairModel.key(left, right)] = BytePairModel.Merge(rank: rank, id: whole)
            rank += 1
        }
        return result
    }

    /// Ranks from SentencePiece scores: two neighbours merge where together they are a token; the best score first.
    static func merges(
        tokens: [ByteString], scores: [Float], mergeable: (Int) -> Bool
    ) -> [UInt64: BytePairModel.Merge] {
        var ids: [ByteString: Int32] = [:]
        for id in tokens.indices where mergeable(id) { ids[tokens[id]] = Int32(id) }
        let order = tokens.indices.filter(mergeable).sorted { scores[$0] > scores[$1] }
        var result: [UInt64: BytePairModel.Merge] = [:]
        var rank: Int32 = -1
        var previous = Float.infinity
        for id in order {
            if scores[id] != previous || rank < 0 { rank += 1 }
            previous = scores[id]
            let bytes = tokens[id].bytes
            guard bytes.count > 1 else { continue }
            for cut in 1..<bytes.count where bytes[cut] & 0xC0 != 0x80 {
                guard let left = ids[ByteString(Array(bytes[..<cut]))],
                    let right = ids[ByteString(Array(bytes[cut...]))]
                else { continue }
                result[BytePairModel.key(left, right)] = BytePairModel.Merge(rank: rank, id: Int32(id))
            }
        }
        return result
    }
}
