extension ChatTemplate {
    /// The family of a checkpoint's Jinja template, with the details that differ inside a family; `nil` where it is none
    /// of the four.
    public init?(recognising template: String) {
        if template.contains("<|im_start|>") {
            let opening: String
            if template.contains("enable_thinking") {
                // Thinking is switched off: the block is there, and empty.
                opening = "<think>\n\n</think>\n\n"
            } else if unescaped(template).contains("<|im_start|>assistant\n<think>\n") {
                opening = "<think>\n"
            } else {
                opening = ""
            }
            self = .chatML(
                defaultSystem: literal(in: template, from: "<|im_start|>system\n", to: "<|im_end|>"), opening: opening,
                beginsWithBOS: template.contains("bos_token"),
                trims: ["content'] | trim", "content | trim", "content|trim", "content.strip()"].contains {
                    template.contains($0)
                })
        } else if template.contains("<|start_header_id|>") {
            self = .llama3(preamble: Self.dates(template))
        } else if template.contains("[INST]"), template.contains("<<SYS>>") {
            self = .llama2(defaultSystem: literal(in: template, from: "set system_message = ", to: nil))
        } else if template.contains("[INST]") {
            let lead = template.contains("' [INST]") || template.contains("\" [INST]") ? " " : ""
            self = .mistral(
                open: lead + (template.contains("[INST] ") ? "[INST] " : "[INST]"),
                close: template.contains(" [/INST]") ? " [/INST]" : "[/INST]")
        } else {
            return nil
        }
    }

    /// Llama 3.1's dated lines. Its successors put today's date there; so that a study can be repeated, the date written
    /// in the template stays.
    private static func dates(_ template: String) -> String? {
        guard template.contains("Cutting Knowledge Date") else { return nil }
        let plain = unescaped(template)
        let cutting = between(plain, "Cutting Knowledge Date: ", "\n") ?? "December 2023"
        let today = between(plain, "date_string = \"", "\"") ?? between(plain, "date_string = '", "'") ?? "26 Jul 2024"
        return "Cutting Knowledge Date: \(cutting)\nToday Date: \(today)\n\n"
    }
}

private func between(_ text: String, _ start: String, _ end: String) -> String? {
    guard let from = text.range(ofText: start), let to = text[from.upperBound...].range(ofText: end) else { return nil }
    return String(text[from.upperBound..<to.lowerBound])
}

/// Jinja's `\n` and `\'` as the characters they stand for.
private func unescaped(_ text: String) -> String {
    var result = ""
    var scalars = text.unicodeScalars.makeIterator()
    while let scalar = scalars.next() {
        guard scalar == "\\", let next = scalars.next() else {
            result.unicodeScalars.append(scalar)
            continue
        }
        switch next {
        case "n": result += "\n"
        case "t": result += "\t"
        case "r": result += "\r"
        case "\\", "'", "\"": result.unicodeScalars.append(next)
        default:
            result.unicodeScalars.append(scalar)
            result.unicodeScalars.append(next)
        }
    }
    return result
}

/// Text that stands between `start` and `end` within one string literal of the template, or (`end` nil) is the whole
/// literal that follows `start`.
private func literal(in template: String, from start: String, to end: String?) -> String? {
    var position = template.startIndex
    while let (content, after) = nextLiteral(template, from: position) {
        let text = unescaped(content.text)
        if let end {
            if text.hasPrefix(start), let stop = text.range(ofText: end),
                stop.lowerBound >= text.index(text.startIndex, offsetBy: start.count)
            {
                return String(text.dropFirst(start.count)[..<stop.lowerBound])
            }
        } else if template[..<content.opening].hasSuffix(start) {
            return text
        }
        position = after
    }
    return nil
}

/// The next quoted literal inside a Jinja tag, as written.
private func nextLiteral(
    _ template: String, from start: String.Index
) -> (content: (text: String, opening: String.Index), after: String.Index)? {
    guard let quote = template[start...].firstIndex(where: { $0 == "'" || $0 == "\"" }) else { return nil }
    let mark = template[quote]
    let begin = template.index(after: quote)
    var end = begin
    while end < template.endIndex, template[end] != mark {
        if template[end] == "\\" { end = template.index(after: end) }
        if end < template.endIndex { end = template.index(after: end) }
    }
    guard end < template.endIndex else { return nil }
    return ((String(template[begin..<end]), quote), template.index(after: end))
}

extension StringProtocol {
    /// First occurrence of `text`, without Foundation.
    fileprivate func range(ofText text: String) -> Range<Index>? {
        var position = startIndex
        while position < endIndex {
            if self[position...].hasPrefix(text) { return position..<index(position, offsetBy: text.count) }
            position = index(after: position)
        }
        return nil
    }
}
