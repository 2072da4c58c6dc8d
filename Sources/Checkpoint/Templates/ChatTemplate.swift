/// How a chat model wants its prompt laid out.
///
/// The families are recognised from the checkpoint's own template, which is not run; `render` reproduces what
/// transformers' `apply_chat_template(..., add_generation_prompt=True)` gives for one user message.
public enum ChatTemplate: Sendable, Equatable {
    /// `<|im_start|>role … <|im_end|>` (Qwen, SmolLM2). `opening` follows the assistant's header.
    case chatML(defaultSystem: String?, opening: String, beginsWithBOS: Bool, trims: Bool)
    /// `[INST] <<SYS>> … <</SYS>> … [/INST]`
    case llama2(defaultSystem: String?)
    /// `<|start_header_id|>role<|end_header_id|> … <|eot_id|>`; `preamble` opens every system turn (Llama 3.1's dates).
    case llama3(preamble: String?)
    /// `[INST] … [/INST]` without a place for a system prompt, which goes before the user's text.
    case mistral(open: String, close: String)
    /// The text itself, for base models.
    case none

    /// Values of `--template`.
    public static let names = ["chatml", "llama-2", "llama-3", "mistral", "none"]

    /// The family named on the command line, with the details of the checkpoint's template where that is of the family.
    public init?(name: String, checkpointTemplate: String?) {
        let own = checkpointTemplate.flatMap { ChatTemplate(recognising: $0) }
        switch (name, own) {
        case ("chatml", .chatML?), ("llama-2", .llama2?), ("llama-3", .llama3?), ("mistral", .mistral?): self = own!
        case ("chatml", _): self = .chatML(defaultSystem: nil, opening: "", beginsWithBOS: false, trims: false)
        case ("llama-2", _): self = .llama2(defaultSystem: nil)
        case ("llama-3", _): self = .llama3(preamble: nil)
        case ("mistral", _): self = .mistral(open: "[INST] ", close: " [/INST]")
        case ("none", _): self = .none
        default: return nil
        }
    }

    /// The token that ends a turn, by its spelling.
    public var endOfTurn: String? {
        switch self {
        case .chatML: "<|im_end|>"
        case .llama3: "<|eot_id|>"
        case .llama2, .mistral: "</s>"
        case .none: nil
        }
    }

    /// Token numbers of the prompt for one user message, up to where the assistant begins to speak.
    ///
    /// Equal to transformers' but in one point: special tokens spelled out in the user's or system's text stay text.
    public func prompt(user: String, system: SystemPrompt = .template, tokenizer: Tokenizer) -> [Int32] {
        if case .none = self {
            let before = if case .text(let text) = system { text + "\n\n" } else { "" }
            return tokenizer.encode(before + user, addSpecial: true, parseSpecial: false)
        }
        let segments = render(user: user, system: system, beginningOfText: tokenizer.beginningOfText ?? "")
        return tokenizer.encode(
            segments.map { Tokenizer.Segment($0.text, parseSpecial: $0.isTemplate) }, addSpecial: false)
    }

    /// The prompt as text.
    public func text(user: String, system: SystemPrompt = .template, beginningOfText: String = "") -> String {
        render(user: user, system: system, beginningOfText: beginningOfText).map(\.text).joined()
    }

    struct Piece {
        var text: String
        /// Written by the template, not by the user.
        var isTemplate: Bool
    }

    func render(user: String, system: SystemPrompt, beginningOfText: String) -> [Piece] {
        func fixed(_ text: String) -> Piece { Piece(text: text, isTemplate: true) }
        func free(_ text: String) -> Piece { Piece(text: text, isTemplate: false) }
        func chosen(_ defaultSystem: String?) -> String? {
            switch system {
            case .template: defaultSystem
            case .none: nil
            case .text(let text): text
            }
        }
        switch self {
        case .chatML(let defaultSystem, let opening, let beginsWithBOS, let trims):
            let edit: (String) -> String = { trims ? trimmed($0) : $0 }
            var pieces = [fixed(beginsWithBOS ? beginningOfText : "")]
            if let text = chosen(defaultSystem) {
                pieces += [fixed("<|im_start|>system\n"), free(edit(text)), fixed("<|im_end|>\n")]
            }
            return pieces + [
                fixed("<|im_start|>user\n"), free(edit(user)), fixed("<|im_end|>\n<|im_start|>assistant\n" + opening),
            ]
        case .llama2(let defaultSystem):
            guard let text = chosen(defaultSystem) else {
                return [fixed(beginningOfText + "[INST] "), free(trimmed(user)), fixed(" [/INST]")]
            }
            // The template strips the two together.
            let tail = String(trimmed("." + user).dropFirst())
            return [
                fixed(beginningOfText + "[INST] <<SYS>>\n"), free(text), fixed("\n<</SYS>>\n\n"), free(tail),
                fixed(" [/INST]"),
            ]
        case .llama3(let preamble):
            func header(_ role: String) -> String { "<|start_header_id|>\(role)<|end_header_id|>\n\n" }
            var pieces = [fixed(beginningOfText)]
            let text = chosen(preamble == nil ? nil : "")
            if let text {
                pieces += [fixed(header("system") + (preamble ?? "")), free(trimmed(text)), fixed("<|eot_id|>")]
            }
            return pieces + [fixed(header("user")), free(trimmed(user)), fixed("<|eot_id|>" + header("assistant"))]
        case .mistral(let open, let close):
            let before = chosen(nil).map { $0 + "\n\n" } ?? ""
            return [fixed(beginningOfText + open), free(before + user), fixed(close)]
        case .none: return [free((chosen(nil).map { $0 + "\n\n" } ?? "") + user)]
        }
    }
}

/// Without white space at both ends, as Python's `strip()`.
private func trimmed(_ text: String) -> String {
    let scalars = text.unicodeScalars
    // Python also counts the four separators U+001C to U+001F.
    func isSpace(_ scalar: Unicode.Scalar) -> Bool {
        scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
    }
    guard let first = scalars.firstIndex(where: { !isSpace($0) }), let last = scalars.lastIndex(where: { !isSpace($0) })
    else {
        return ""
    }
    return String(scalars[first...last])
}
