import Tensors

/// Tables that tokenizers are made of, from the spellings in checkpoint files.
enum Vocabularies {
    /// Vocabulary and decoded pieces of a byte-level tokenizer from tokens in the byte alphabet.
    static func byteLevel(
        _ tokens: [(ByteString, Int32)], added: [AddedToken]
    ) -> (vocabulary: [ByteString: Int32], pieces: [[UInt8]?]) {
        var vocabulary: [ByteString: Int32] = [:]
        vocabulary.reserveCapacity(tokens.count)
        var pieces = emptyPieces(tokens, added: added)
        for (token, id) in tokens {
            guard let bytes = ByteAlphabet.decode(token.bytes) else { continue }
            vocabulary[ByteString(bytes)] = id
            pieces[Int(id)] = bytes
        }
        for token in added { pieces[Int(token.id)] = Array(text(of: token.content).utf8) }
        return (vocabulary, pieces)
    }

    /// Decoded pieces of a SentencePiece tokenizer: ▁ is a space, `<0xNN>` a byte.
    static func sentencePieces(_ tokens: [(ByteString, Int32)], added: [AddedToken]) -> [[UInt8]?] {
        var pieces = emptyPieces(tokens, added: added)
        for (token, id) in tokens {
            if token.bytes.count == 6, token.bytes.starts(with: Array("<0x".utf8)), token.bytes[5] == UInt8(ascii: ">"),
                let byte = UInt8(String(decoding: token.bytes[3..<5], as: UTF8.self), radix: 16)
            {
                pieces[Int(id)] = [byte]
            } else {
                pieces[Int(id)] = Array(
                    text(of: token.text.unicodeScalars.map { $0 == PreTokenizer.underscore ? " " : $0 }).utf8)
            }
        }
        for token in added { pieces[Int(token.id)] = Array(text(of: token.content).utf8) }
        return pieces
    }

    private static func emptyPieces(_ tokens: [(ByteString, Int32)], added: [AddedToken]) -> [[UInt8]?] {
        let highest = max(tokens.map(\.1).max() ?? -1, added.map(\.id).max() ?? -1)
        return Array(repeating: nil, count: Int(highest) + 1)
    }

    /// Ranks from merges written "left right", in order.
    static func merges(
        _ lines: [ByteString], file: String, token: ([UInt8]) -> Int32?
    ) throws(CheckpointError) -> [UInt64: BytePairModel.Merge] {
        var result: [UInt64: BytePairModel.Merge] = [:]
        result.reserveCapacity(lines.count)
        var rank: Int32 = 0
        for line in lines {
            let bytes = line.bytes
            guard let space = bytes.firstIndex(of: 0x20),
                let left = token(Array(bytes[..<space])), let right = token(Array(bytes[(space + 1)...])),
                let whole = token(Array(bytes[..<space] + bytes[(space + 1)...]))
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
