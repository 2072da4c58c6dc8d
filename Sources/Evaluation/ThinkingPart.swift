/// What a model wrote between markers of thinking before it answered.
///
/// Judges and the coherence gate look at the answer after it. Where the prompt already opened the block (templates that end
/// in `<think>`), the text begins inside; a closing marker without an opening one is understood so, too.
public struct ThinkingPart: Sendable, Equatable, Codable {
    /// Without its markers and outer white space.
    public var text: String
    /// Leading tokens of the answer that belong to it, the closing marker's among them.
    public var tokenCount: Int
    /// It was never closed: the model has given no answer yet.
    public var isUnfinished: Bool

    public init(text: String, tokenCount: Int, isUnfinished: Bool) {
        self.text = text
        self.tokenCount = tokenCount
        self.isUnfinished = isUnfinished
    }

    /// Opening and closing markers that models use.
    static let markers = [
        ("<think>", "</think>"), ("<thinking>", "</thinking>"), ("[THINK]", "[/THINK]"),
        ("<seed:think>", "</seed:think>"), ("<|START_THINKING|>", "<|END_THINKING|>"),
    ].map { (open: Array($0.0.utf8), close: Array($0.1.utf8)) }

    /// How many of a prompt's last tokens can hold an opening marker and the white space after it.
    public static let promptTokens = 32

    /// - Parameter prompt: the end of what the model was given, with its special tokens spelled out.
    /// - Returns: whether it ends in an opening marker, white space aside.
    public static func isOpened(by prompt: String) -> Bool {
        let text = Array(PythonText.strip(prompt).utf8)
        return markers.contains { text.count >= $0.open.count && text.suffix($0.open.count).elementsEqual($0.open) }
    }

    /// Tells the thinking from the answer.
    /// - Parameters:
    ///   - isOpened: the prompt opened it.
    ///   - decode: text without special tokens; `spell`: with them, as markers may be special.
    /// - Returns: the answer's text, and the thinking before it; `nil` where there is none.
    public static func split(
        _ tokens: [Int32], isOpened: Bool, decode: ([Int32]) -> String, spell: ([Int32]) -> String
    ) -> (answer: String, thinking: ThinkingPart?) {
        let spelled = Array(spell(tokens).utf8)
        guard let found = scan(spelled, isOpened: isOpened) else { return (decode(tokens), nil) }
        guard let border = found.answer else {
            let text = clean(spelled[...])
            return ("", ThinkingPart(text: text, tokenCount: tokens.count, isUnfinished: true))
        }
        // The first token that ends at the border or beyond.
        var (low, high) = (0, tokens.count)
        while low < high {
            let middle = (low + high) / 2
            if spell(Array(tokens[..<middle])).utf8.count >= border { high = middle } else { low = middle + 1 }
        }
        let rest = Array(spell(Array(tokens[..<low])).utf8).dropFirst(border)
        var answer = String(decoding: rest, as: UTF8.self) + decode(Array(tokens[low...]))
        if let end = found.reopened {
            answer = String(decoding: spelled[border..<end], as: UTF8.self)
        }
        let scalars = answer.unicodeScalars.drop { PythonText.isSpace($0) }
        return (
            String(String.UnicodeScalarView(scalars)),
            ThinkingPart(text: clean(spelled[..<border]), tokenCount: low, isUnfinished: false)
        )
    }

    /// Where the answer begins: after the last closing marker.
    /// - Returns: `nil` where there is no thinking; `answer` is `nil` where the text ends inside it; `reopened`: where an
    ///   answer ends because another block begins that is never closed.
    private static func scan(_ text: [UInt8], isOpened: Bool) -> (answer: Int?, reopened: Int?)? {
        let closings = markers.compactMap { marker -> Int? in
            last(marker.close, in: text).map { $0 + marker.close.count }
        }
        let openings = markers.compactMap { last($0.open, in: text) }
        let answer = closings.max()
        guard let opening = openings.max(), opening >= answer ?? 0 else {
            if let answer { return (answer, nil) }
            return isOpened ? (nil, nil) : nil
        }
        // The last block is open. What stands before it, after an earlier block or at the start, may be an answer.
        let before = String(decoding: text[(answer ?? 0)..<opening], as: UTF8.self)
        if PythonText.strip(before).isEmpty || (answer == nil && isOpened) { return (nil, nil) }
        return (answer ?? 0, opening)
    }

    private static func last(_ needle: [UInt8], in text: [UInt8]) -> Int? {
        var (place, start): (Int?, Int) = (nil, 0)
        while let next = Bytes.first(needle, in: text, from: start) { (place, start) = (next, next + 1) }
        return place
    }

    /// Without markers and outer white space.
    private static func clean(_ text: ArraySlice<UInt8>) -> String {
        var words = String(decoding: text, as: UTF8.self)
        for marker in markers.flatMap({ [$0.open, $0.close] }) {
            words = PythonText.replace(words, String(decoding: marker, as: UTF8.self), with: "")
        }
        return PythonText.strip(words)
    }
}
