public import Jinja
import Tensors

/// The chat template that a checkpoint brings, or another one in its place.
extension Checkpoint {
    /// The checkpoint's own template and the file it is in, if it has one.
    ///
    /// As transformers reads them: `chat_template.json` of a vision-language model, then `chat_template.jinja` (and the
    /// folder `additional_chat_templates`), then `tokenizer_config.json`; of several named ones `default` is meant.
    /// - Throws: `CheckpointError` where there are several and none is the default, or one is no text.
    public func chatTemplateText() throws(CheckpointError) -> String? { try ownTemplate()?.source }

    private func ownTemplate() throws(CheckpointError) -> (source: String, file: String)? {
        if let gguf {
            guard let value = gguf.metadata["tokenizer.chat_template"] else { return nil }
            guard let text = value.string else {
                throw CheckpointError(.malformed, file: path, "tokenizer.chat_template is no text")
            }
            return (text, path)
        }
        if let template = try processorTemplate() { return template }
        if let file = try templateInFolder() { return (try Self.templateFile(file), file) }
        let config = "\(path)/tokenizer_config.json"
        guard let value = try CheckpointFiles.jsonIfPresent(config)?["chat_template"], !value.isNull else { return nil }
        if let text = value.string { return (text, config) }
        guard let list = value.elements else {
            throw CheckpointError(.malformed, file: config, "chat_template is neither a text nor a list of named ones")
        }
        var names: [String] = []
        var found: String?
        for item in list {
            guard let name = item["name"]?.string, let text = item["template"]?.string else {
                throw CheckpointError(.malformed, file: config, "chat_template has an entry without name or template")
            }
            names.append(name)
            if name == "default" { found = text }
        }
        guard let found else {
            throw CheckpointError(
                .unsupported, file: config,
                "chat_template has \(names.isEmpty ? "no template" : names.joined(separator: ", ")) and no default; name one with --template FILE"
            )
        }
        return (found, config)
    }

    /// The template in `chat_template.json`, where processors of vision-language models keep it. transformers' processors
    /// look there first.
    func processorTemplate() throws(CheckpointError) -> (source: String, file: String)? {
        let file = "\(path)/chat_template.json"
        guard languageModelPart != nil, let json = try CheckpointFiles.jsonIfPresent(file) else { return nil }
        guard let text = json["chat_template"]?.string else {
            throw CheckpointError(.malformed, file: file, "chat_template is no text")
        }
        return (text, file)
    }

    /// The file among `chat_template.jinja` and `additional_chat_templates/*.jinja` that is the default.
    func templateInFolder() throws(CheckpointError) -> String? {
        let folder = "\(path)/additional_chat_templates"
        let others = Files.names(in: folder).filter { $0.hasSuffix(".jinja") }.sorted()
        if others.contains("default.jinja") { return "\(folder)/default.jinja" }
        let file = "\(path)/chat_template.jinja"
        if Files.exists(file) { return file }
        guard !others.isEmpty else { return nil }
        throw CheckpointError(
            .unsupported, file: folder,
            "it has \(others.joined(separator: ", ")) and no default; name one with --template FILE")
    }

    /// The stop tokens with the own template's end of turn, where that template can be executed.
    func ownStopTokens(_ tokenizer: Tokenizer) throws(CheckpointError) -> [Int32] {
        let template = CalendarDay(year: 2000, month: 1, day: 1).flatMap { try? chatTemplate(day: $0) }
        if let tokens = try? stopTokens(tokenizer: tokenizer, template: template) { return tokens }
        return try stopTokens(tokenizer: tokenizer, template: nil)
    }

    static func templateFile(_ file: String) throws(CheckpointError) -> String {
        let bytes = try CheckpointFiles.bytes(file)
        guard let text = String(validating: bytes, as: UTF8.self) else {
            throw CheckpointError(.malformed, file: file, "a chat template has to be UTF-8")
        }
        return text
    }

    /// The checkpoint's chat template, or another one.
    /// - Parameters:
    ///   - override: a family's name (`TemplateFamily`), or a file with a template.
    ///   - thinking: passed on to templates that ask for it.
    ///   - day: what templates that write the date see.
    /// - Throws: `CheckpointError` naming the way out where there is none or it cannot be executed.
    public func chatTemplate(override: String? = nil, thinking: Thinking = .template, day: CalendarDay)
        throws(CheckpointError) -> ChatTemplate
    {
        let tokens = try TemplateTokens(self).members
        let choices = TemplateFamily.names.joined(separator: "|")
        func made(_ source: String?, _ file: String) throws(CheckpointError) -> ChatTemplate {
            try ChatTemplate(source: source, file: file, tokens: tokens, thinking: thinking, day: day)
        }
        if let override {
            if let family = TemplateFamily(rawValue: override) {
                return try made(family.source, "--template \(override)")
            }
            guard Files.exists(override) else {
                throw CheckpointError(
                    .unsupported, file: path,
                    "no chat template is called \(override), and there is no such file: use --template \(choices), or a file"
                )
            }
            return try made(Self.templateFile(override), override)
        }
        guard let own = try ownTemplate() else {
            throw CheckpointError(
                .unsupported, file: path, "the checkpoint has no chat template: say --template \(choices), or a file")
        }
        return try made(own.source, own.file)
    }
}
