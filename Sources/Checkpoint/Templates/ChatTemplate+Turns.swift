import Jinja

/// Where a turn ends, and whether the template's markers are tokens.
extension ChatTemplate {
    /// What the template writes after an assistant's text; `nil` where it cannot be told.
    func tail() -> Text? {
        let messages = [
            Message(role: "user", content: "question", origin: .user),
            Message(role: "assistant", content: "answer", origin: .assistant),
        ]
        guard program != nil, let text = try? render(messages, generationPrompt: false) else { return nil }
        return text.around(.assistant)?.after
    }

    /// The token that ends an assistant's turn: the first added token that the template writes after its text.
    /// - Throws: `CheckpointError` where that is a marker that is no token of this tokenizer.
    public func endOfTurn(_ tokenizer: Tokenizer) throws(CheckpointError) -> Int32? {
        guard let tail = tail() else { return nil }
        let ids = tokenizer.encode(tail.string, addSpecial: false, parseSpecial: true)
        let end = ids.first { tokenizer.isAdded($0) }
        try checkMarkers(in: tail, endsWithToken: end != nil, tokenizer)
        return end
    }

    /// Checks every marker that the template writes around a user's and an assistant's text.
    ///
    /// A marker is `<|word|>` (also with U+FF5C), `<start_of_word>` or `<end_of_word>`. It has to be one token, or the
    /// model would read its letters. Only the roles' names, `<|system|>`, `<|user|>` and `<|assistant|>`, are spelled out
    /// as transformers does it, where a token ends the turn: several families were trained so.
    /// - Throws: `CheckpointError` naming the marker.
    public func checkMarkers(_ tokenizer: Tokenizer, systems: [SystemPrompt]) throws(CheckpointError) {
        guard program != nil else { return }
        let end = try endOfTurn(tokenizer)
        for system in systems {
            try checkMarkers(in: rendered(user: "question", system: system), endsWithToken: end != nil, tokenizer)
        }
    }

    private func checkMarkers(in text: Text, endsWithToken: Bool, _ tokenizer: Tokenizer) throws(CheckpointError) {
        for run in text.runs where run.origin == nil {
            for marker in Self.markers(in: run.text) {
                if tokenizer.encode(marker, addSpecial: false, parseSpecial: true).count == 1 { continue }
                if endsWithToken, ["<|system|>", "<|user|>", "<|assistant|>"].contains(marker) { continue }
                throw CheckpointError(
                    .unsupported, file: file,
                    "the chat template's marker \(marker) is no single token of this tokenizer; name the template the model was trained with, or a file (--template)"
                )
            }
        }
    }

    /// The markers spelled in a text, each once, in order.
    static func markers(in text: String) -> [String] {
        var result: [String] = []
        let scalars = Array(text.unicodeScalars)
        for start in scalars.indices where scalars[start] == "<" {
            let rest = scalars[(start + 1)...].prefix(64)
            guard let length = rest.firstIndex(of: ">").map({ $0 - start + 1 }) else { continue }
            let inner = scalars[(start + 1)..<(start + length - 1)]
            guard isMarker(inner) else { continue }
            var view = String.UnicodeScalarView()
            view.append(contentsOf: scalars[start..<(start + length)])
            let marker = String(view)
            if !result.contains(where: { $0.unicodeScalars.elementsEqual(marker.unicodeScalars) }) {
                result.append(marker)
            }
        }
        return result
    }

    private static func isMarker(_ inner: ArraySlice<Unicode.Scalar>) -> Bool {
        func isBar(_ scalar: Unicode.Scalar?) -> Bool { scalar == "|" || scalar == "\u{FF5C}" }
        guard !inner.contains(where: { $0 == "<" || $0.properties.isWhitespace }) else { return false }
        if inner.count > 2, isBar(inner.first), isBar(inner.last) {
            return !inner.dropFirst().dropLast().contains(where: { isBar($0) })
        }
        let words = ["start_of_", "end_of_"].map { Array($0.unicodeScalars) }
        return words.contains { inner.count > $0.count && inner.starts(with: $0) }
    }
}

extension Tokenizer {
    /// Whether the token is one that is matched in the text itself.
    fileprivate func isAdded(_ id: Int32) -> Bool { addedTokens.contains { $0.id == id } }
}
