import Checkpoint
import Tensors
import Yams

/// The study file's `evaluation.attacks`.
extension Study {
    static func attacks(
        _ evaluation: StudyNode, _ path: (String) -> String
    ) throws(InputError) -> [AttackSetting] {
        guard let nodes = try evaluation.list("attacks") else { return [] }
        guard !nodes.isEmpty else { throw evaluation.error("attacks", "is empty") }
        let kinds = AttackSetting.Kind.allCases.map(\.rawValue)
        var settings: [AttackSetting] = []
        for (index, node) in nodes.enumerated() {
            let setting: AttackSetting
            if let word = node.scalar?.string {
                guard let kind = AttackSetting.Kind(rawValue: word) else {
                    throw evaluation.error(
                        "attacks",
                        "has \(word)" + (nearestName(to: word, among: kinds).map { "; did you mean \($0)?" } ?? "")
                            + " (known: \(kinds.joined(separator: ", ")))")
                }
                setting = AttackSetting(kind)
            } else {
                setting = try attack(try evaluation.entry("attacks", index, node, keys: ["name"] + kinds), path)
            }
            if setting.kind == .advSuffix, setting.suffixes == nil {
                throw evaluation.error(
                    "attacks", "\(setting.name) needs a file of suffixes: adv_suffix: {suffixes: FILE}; none is shipped"
                )
            }
            guard !settings.contains(where: { $0.name == setting.name }) else {
                throw evaluation.error("attacks", "has \(setting.name) twice; give one a name of its own")
            }
            guard setting.name.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber || "_-".contains($0)) }) else {
                throw evaluation.error("attacks", "the name \(setting.name) has more than letters, digits, - and _")
            }
            settings.append(setting)
        }
        return settings
    }

    private static func attack(
        _ entry: StudyNode, _ path: (String) -> String
    ) throws(InputError) -> AttackSetting {
        let kinds = entry.keys.filter { $0 != "name" }
        guard kinds.count == 1, let kind = AttackSetting.Kind(rawValue: kinds[0]) else {
            throw entry.error("name", "goes with exactly one of vanilla, adv_suffix, adv_decoding")
        }
        var setting = AttackSetting(kind, name: try entry.string("name"))
        let keys = ["system", "samples", "temperature", "max_new_tokens"] + (kind == .advSuffix ? ["suffixes"] : [])
        guard let node = try entry.mapping(kind.rawValue, keys: keys) else { return setting }
        if let word = try node.string("system") { setting.system = SystemPrompt(word: word) }
        if setting.kind == .advDecoding, setting.system == .template {
            throw node.error("system", "= template: this setting has no chat template; none, or a text")
        }
        setting.suffixes = try node.string("suffixes").map(path)
        setting.samples = try node.integer("samples", in: 1...1000) ?? setting.samples
        setting.temperature = try node.number("temperature", in: 0...100) ?? setting.temperature
        setting.maxNewTokens = try node.integer("max_new_tokens", in: 1...100_000)
        if setting.samples > 1, setting.temperature == 0 {
            throw node.error(
                "samples", "= \(setting.samples) with temperature 0 gives the same answer every time; set a temperature"
            )
        }
        return setting
    }
}
