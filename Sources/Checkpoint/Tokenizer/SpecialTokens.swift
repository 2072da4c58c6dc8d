import Tensors

/// Tokens that a folder's other files name beside `tokenizer.json`, put together as transformers 5 does
/// (`PreTrainedTokenizerBase._from_pretrained`, `TokenizersBackend.__init__`).
///
/// Where `tokenizer_config.json` holds `added_tokens_decoder`, it alone counts; otherwise `special_tokens_map.json`
/// overrides its named tokens, and `added_tokens.json` names more.
struct SpecialTokens {
    /// A token as one of the files describes it.
    private struct Entry: Equatable {
        var content: String
        var special: Bool
        var normalized: Bool
        var singleWord = false, stripsLeft = false, stripsRight = false

        /// A spelling alone is a special token.
        init(_ content: String, special: Bool = true) {
            self.content = content
            self.special = special
            normalized = !special
        }

        init(_ fields: Fields, special: Bool) throws(CheckpointError) {
            content = try fields.required(text: "content")
            self.special = try fields.flag("special") ?? special
            normalized = try fields.flag("normalized") ?? !self.special
            singleWord = try fields.flag("single_word") ?? false
            stripsLeft = try fields.flag("lstrip") ?? false
            stripsRight = try fields.flag("rstrip") ?? false
        }

        func token(_ id: Int32) -> AddedToken {
            AddedToken(
                id: id, content: Array(content.unicodeScalars), special: special, singleWord: singleWord,
                stripsLeft: stripsLeft, stripsRight: stripsRight, normalized: normalized)
        }
    }

    /// By number.
    private var numbered: [Int32: Entry] = [:]
    /// `bos_token` and so on.
    private var named: [(key: String, entry: Entry)] = []
    /// Without a name.
    private var additional: [Entry]?

    private static let names = [
        "bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token",
    ]

    /// A tokenizer without such files.
    init() {}

    init(folder: String) throws(CheckpointError) {
        let file = "\(folder)/tokenizer_config.json"
        let config = Fields(json: try CheckpointFiles.jsonIfPresent(file) ?? .object([]), file: file)
        guard config.json.members != nil else { throw config.malformed("not a JSON object") }
        if try config.flag("split_special_tokens", nullable: true) == true {
            throw config.unsupported("split_special_tokens is set, and this program does not do it")
        }
        try take(config, mapped: false)
        if let decoder = try config.object("added_tokens_decoder") {
            for member in decoder.json.members ?? [] {
                guard let id = Int32(member.key.text), id >= 0, member.value.members != nil else {
                    throw decoder.malformed("\(member.key.text) is no number with a token")
                }
                let place = "added_tokens_decoder: \(id): "
                numbered[id] = try Entry(Fields(json: member.value, file: file, place: place), special: false)
            }
        } else {
            try takeOlderFiles(folder)
        }
    }

    private mutating func takeOlderFiles(_ folder: String) throws(CheckpointError) {
        let map = "\(folder)/special_tokens_map.json"
        if let json = try CheckpointFiles.jsonIfPresent(map) { try take(Fields(json: json, file: map), mapped: true) }
        let file = "\(folder)/added_tokens.json"
        guard let json = try CheckpointFiles.jsonIfPresent(file) else { return }
        let special = Set(named.map(\.entry.content) + (additional ?? []).map(\.content))
        for member in json.members ?? [] {
            guard case .integer(let number) = member.value, let id = Int32(exactly: number), id >= 0 else {
                throw CheckpointError(.malformed, file: file, "token \(member.key.text) has no number")
            }
            numbered[id] = Entry(member.key.text, special: special.contains(member.key.text))
        }
    }

    /// The named and the additional tokens of a file.
    /// - Parameter mapped: it is `special_tokens_map.json`, whose tokens are all special.
    private mutating func take(_ file: Fields, mapped: Bool) throws(CheckpointError) {
        for member in file.json.members ?? [] {
            let key = member.key.text
            guard key.hasSuffix("_token") else { continue }
            if let entry = try entry(file, key, member.value, special: mapped) { name(key, entry) }
        }
        for key in ["extra_special_tokens", "additional_special_tokens"] {
            guard let value = file.filled(key) else { continue }
            if let members = value.members, key == "extra_special_tokens" {
                for member in members {
                    if let entry = try entry(file, member.key.text, member.value, special: mapped) {
                        name(member.key.text, entry)
                    }
                }
            } else if additional == nil {
                var entries: [Entry] = []
                for element in try file.list(key) ?? [] {
                    if let entry = try entry(file, key, element, special: mapped) { entries.append(entry) }
                }
                additional = entries
            }
        }
    }

    private func entry(
        _ file: Fields, _ key: String, _ value: JSON, special: Bool
    ) throws(CheckpointError) -> Entry? {
        if let content = value.string { return Entry(content) }
        guard value.members != nil else {
            // `add_bos_token` and null.
            if value.boolean != nil || value.isNull { return nil }
            throw file.malformed("\(key) is no token")
        }
        return try Entry(Fields(json: value, file: file.file, place: "\(key): "), special: special)
    }

    private mutating func name(_ key: String, _ entry: Entry) {
        if let index = named.firstIndex(where: { $0.key == key }) {
            named[index].entry = entry
        } else {
            named.append((key, entry))
        }
    }

    /// The text of a named token, as chat templates see it.
    func spelling(_ key: String) -> String? { named.first { $0.key == key }?.entry.content }

    /// `listed`, the tokens of `tokenizer.json`, with those of the other files that it lacks, and the flags these change.
    /// - Throws: where a token's number is not the one that `tokenizers` would give it.
    func adding(
        to listed: [AddedToken], vocabulary: [ByteString: Int32], file: String
    ) throws(CheckpointError) -> [AddedToken] {
        var table = AddedTokenTable(vocabulary: vocabulary, file: file)
        for token in listed { try table.add(token, number: token.id) }
        let spellings = Set(named.map(\.entry.content))
        for (id, entry) in numbered.sorted(by: { $0.key < $1.key })
        where !table.tokens.contains(where: { entry.token($0.id) == $0 }) {
            var entry = entry
            if spellings.contains(entry.content) { entry.special = true }
            try table.add(entry.token(id), number: id)
        }
        let order = Self.names + named.map(\.key)
        let sorted = named.sorted { order.firstIndex(of: $0.key)! < order.firstIndex(of: $1.key)! }
        for var entry in sorted.map(\.entry) where !table.contains(entry.content) {
            entry.special = true
            try table.add(entry.token(0), number: nil)
        }
        for entry in additional ?? [] where !table.contains(entry.content) {
            try table.add(entry.token(0), number: nil)
        }
        return table.tokens
    }
}

/// Added tokens under the numbers that the `tokenizers` library gives them: their own where the vocabulary has them,
/// otherwise the next after all others.
struct AddedTokenTable {
    let vocabulary: [ByteString: Int32]
    let file: String
    private(set) var tokens: [AddedToken] = []
    private var places: [ByteString: Int] = [:]
    private let taken: Set<Int32>

    init(vocabulary: [ByteString: Int32], file: String) {
        self.vocabulary = vocabulary
        self.file = file
        taken = Set(vocabulary.values)
    }

    func contains(_ content: String) -> Bool { places[ByteString(content)] != nil }

    /// Adds a token, or gives one that is there other flags; special it stays.
    /// - Parameter number: what the file says it has; `nil` where it says nothing.
    mutating func add(_ token: AddedToken, number: Int32?) throws(CheckpointError) {
        let content = text(of: token.content)
        guard !content.isEmpty else { return }
        let key = ByteString(content)
        let place = places[key]
        let id = place.map { tokens[$0].id } ?? vocabulary[key] ?? next
        if let number, number != id {
            throw CheckpointError(
                .unsupported, file: file, "added token \(content) has the number \(number), tokenizers gives it \(id)")
        }
        guard place != nil || vocabulary[key] != nil || !taken.contains(id) else {
            throw CheckpointError(
                .unsupported, file: file, "added token \(content) would get the number \(id), which another token has")
        }
        var token = token
        token.id = id
        if let place {
            token.special = token.special || tokens[place].special
            tokens[place] = token
        } else {
            places[key] = tokens.count
            tokens.append(token)
        }
    }

    private var next: Int32 {
        let size = Int32(vocabulary.count)
        guard let highest = tokens.map(\.id).max(), highest >= size || size == 0 else { return size }
        return highest + 1
    }
}
