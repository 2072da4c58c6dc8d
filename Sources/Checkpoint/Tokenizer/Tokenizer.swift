import Tensors

/// Turns text into token numbers and back, as the `tokenizers` library does for the same checkpoint.
public final class Tokenizer: Sendable {
    let model: BytePairModel
    let normalizers: [Normalizer]
    let preTokenizers: [PreTokenizer]
    let addedTokens: [AddedToken]
    /// Put before and after a text when special tokens are asked for.
    let prefix: [Int32], suffix: [Int32]
    /// How each token is spelled in the checkpoint's files, in UTF-8; `nil` for numbers without a token.
    let spellings: [[UInt8]?]
    /// How text is made of tokens; `nil`: their spellings with spaces between them.
    let decoders: [TokenDecoder]?
    private let rawAdded: AddedTokens
    private let normalizedAdded: AddedTokens
    private let specialIDs: Set<Int32>
    private let addedIDs: [ByteString: Int32]

    /// Spelling of the beginning-of-text token that chat templates call `bos_token`.
    package let beginningOfText: String?

    init(
        model: BytePairModel, normalizers: [Normalizer], preTokenizers: [PreTokenizer], addedTokens: [AddedToken],
        prefix: [Int32], suffix: [Int32], spellings: [[UInt8]?], decoders: [TokenDecoder]?, beginningOfText: String?
    ) {
        self.model = model
        self.normalizers = normalizers
        self.preTokenizers = preTokenizers
        self.addedTokens = addedTokens
        self.prefix = prefix
        self.suffix = suffix
        self.spellings = spellings
        self.decoders = decoders
        self.beginningOfText = beginningOfText
        rawAdded = AddedTokens(addedTokens.filter { !$0.normalized })
        normalizedAdded = AddedTokens(
            addedTokens.filter(\.normalized).map { token in
                var copy = token
                copy.content = normalizers.reduce(token.content) { $1.apply($0) }
                return copy
            })
        // By spelling, as in `tokenizers`: a token that normalisation spells otherwise is not left out.
        let special = Set(addedTokens.filter(\.special).map { ByteString(text(of: $0.content)) })
        specialIDs = Set(
            addedTokens.map(\.id).filter { id in spellings[Int(id)].map { special.contains(ByteString($0)) } ?? false })
        addedIDs = Dictionary(addedTokens.map { (ByteString(text(of: $0.content)), $0.id) }) { first, _ in first }
    }

    /// Token numbers of `text`.
    /// - Parameters:
    ///   - addSpecial: put the checkpoint's beginning-of-text token (and whatever else it adds) around them.
    ///   - parseSpecial: special tokens spelled out in the text become those tokens.
    public func encode(_ text: String, addSpecial: Bool = true, parseSpecial: Bool = true) -> [Int32] {
        encode([Segment(text, parseSpecial: parseSpecial)], addSpecial: addSpecial)
    }

    /// Part of a text, with its own word on special tokens.
    struct Segment {
        var text: String
        var parseSpecial: Bool
        init(_ text: String, parseSpecial: Bool) {
            self.text = text
            self.parseSpecial = parseSpecial
        }
    }

    /// Encodes the segments as one text: words and merges cross their borders as if there were none.
    func encode(_ segments: [Segment], addSpecial: Bool) -> [Int32] {
        var result = addSpecial ? prefix : []
        var scalars: [Unicode.Scalar] = []
        var untrusted: [Range<Int>] = []
        for segment in segments {
            let start = scalars.count
            scalars += segment.text.unicodeScalars
            if !segment.parseSpecial { untrusted.append(start..<scalars.count) }
        }
        let trusted: (Range<Int>) -> Bool = { place in !untrusted.contains { $0.overlaps(place) } }
        // Places are lost in normalisation, so there one spelling in untrusted text makes them all text.
        let trustsNormalized = untrusted.allSatisfy {
            normalizedAdded.split(Array(scalars[$0])) { _ in true }.count <= 1
        }
        for piece in rawAdded.split(scalars, trusted: trusted) {
            switch piece {
            case .token(let id): result.append(id)
            case .text(let range):
                let normalized = normalizers.reduce(Array(scalars[range])) { $1.apply($0) }
                for piece in normalizedAdded.split(normalized, trusted: { _ in trustsNormalized }) {
                    switch piece {
                    case .token(let id): result.append(id)
                    case .text(let inner):
                        let isStart = range.lowerBound == 0 && inner.lowerBound == 0
                        encodeOrdinary(Array(normalized[inner]), atStart: isStart, into: &result)
                    }
                }
            }
        }
        if addSpecial { result += suffix }
        return result
    }

    private func encodeOrdinary(_ text: [Unicode.Scalar], atStart: Bool, into result: inout [Int32]) {
        var words = [text]
        for step in preTokenizers { words = step.apply(words, atStart: atStart) }
        for word in words { model.encode(word, into: &result) }
    }

    /// Text of the tokens, as the checkpoint's decoder makes it; numbers without a token are left out.
    /// - Parameter skipSpecial: leave special tokens out.
    public func decode(_ ids: [Int32], skipSpecial: Bool = true) -> String {
        var tokens: [[UInt8]] = []
        for id in ids where id >= 0 && id < spellings.count {
            if skipSpecial, specialIDs.contains(id) { continue }
            if let spelling = spellings[Int(id)] { tokens.append(spelling) }
        }
        guard let decoders else { return String(decoding: Array(tokens.joined(separator: [0x20])), as: UTF8.self) }
        for step in decoders { tokens = step.apply(tokens) }
        return String(decoding: tokens.joined(), as: UTF8.self)
    }

    /// The number of the token spelled `token` in the checkpoint's files, special or not.
    public func tokenID(_ token: String) -> Int32? {
        let key = ByteString(token)
        return addedIDs[key] ?? model.vocabulary[key]
    }

    /// One more than the highest token number.
    public var vocabularySize: Int { spellings.count }
}

func text(of scalars: [Unicode.Scalar]) -> String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    return String(view)
}
