package import Protocol
import Selection
import Tensors
import Yams

/// The study file's `statistics`: what is collected of the unedited model over two lists of prompts, for a file of its own.
extension Study {
    package struct StatisticSettings: Sendable, Equatable {
        /// Of the file.
        package var name: String
        /// The statistic, its options, and as many classes as there are lists.
        package var request: StatisticRequest
        package var harmful: PromptSet
        package var harmless: PromptSet

        package init(name: String, request: StatisticRequest, harmful: PromptSet, harmless: PromptSet) {
            self.name = name
            self.request = request
            self.harmful = harmful
            self.harmless = harmless
        }

        /// What is collected, and where it lies in the run's folder.
        package var title: String {
            let options = request.options.sorted { $0.key < $1.key }.map { ", \($0.key) \($0.value)" }.joined()
            return
                "\(request.name)\(options), of \(harmful.file) and \(harmless.file): statistics/\(name).safetensors"
        }

        /// The lists by the names of their classes, in the classes' order.
        package var lists: [(name: String, prompts: PromptSet)] { [("harmful", harmful), ("harmless", harmless)] }
    }

    static func statistics(_ top: StudyNode, _ path: (String) -> String) throws(InputError) -> [StatisticSettings] {
        var plans: [StatisticSettings] = []
        for (index, node) in try (top.list("statistics") ?? []).enumerated() {
            let options = Set(Statistics.all.flatMap { $0.optionKeys }).sorted()
            let entry = try top.entry(
                "statistics", index, node, keys: ["name", "statistic", "harmful", "harmless"] + options)
            let statistic = try statistic(entry, options)
            let name = try entry.string("name") ?? statistic.name
            if let fault = RunName.fault(condition: name) { throw entry.error("name", "= \(name) \(fault)") }
            guard !plans.contains(where: { $0.name == name }) else {
                throw entry.error("name", "= \(name) is the name of two statistics; give one a name of its own")
            }
            plans.append(
                StatisticSettings(
                    name: name, request: statistic,
                    harmful: try entry.required("harmful") { key throws(InputError) in try examples(entry, key, path) },
                    harmless: try entry.required("harmless") { key throws(InputError) in
                        try examples(entry, key, path)
                    }))
        }
        return plans
    }

    /// Prompts, or `{pairs: FILE}` with responses.
    private static func examples(
        _ node: StudyNode, _ key: String, _ path: (String) -> String
    ) throws(InputError) -> PromptSet? {
        guard node.has(key), !node.isScalar(key) else { return try prompts(node, key, path) }
        let keys = ["prompts", "pairs", "samples", "skip", "first"]
        let entry = try node.required(key) { key throws(InputError) in try node.mapping(key, keys: keys) }
        guard let file = try entry.string("pairs") else { return try prompts(node, key, path) }
        guard !entry.has("prompts") else { throw node.error(key, "needs either prompts or pairs") }
        var set = PromptSet(file: path(file), samples: try entry.integer("samples", in: 1...Int.max))
        set.skip = try entry.integer("skip", in: 0...1_000_000_000) ?? 0
        set.first = try entry.integer("first", in: 1...1_000_000_000)
        set.hasResponses = true
        return set
    }

    /// The statistic that an entry names, with its options.
    private static func statistic(_ entry: StudyNode, _ options: [String]) throws(InputError) -> StatisticRequest {
        let known = Statistics.all.filter { $0.readsPrompts }.map { $0.name }
        let name = try entry.required("statistic", entry.string)
        guard known.contains(name) else {
            throw entry.unknown("statistic", name, "is none that can be collected of prompts", among: known)
        }
        var values: [String: String] = [:]
        for key in options {
            guard let items = try entry.items(key) else { continue }
            var texts: [String] = []
            for item in items {
                guard let text = item.scalar?.string else { throw entry.error(key, "has to be a list of plain values") }
                texts.append(text)
            }
            values[key] = texts.joined(separator: ",")
        }
        do {
            return try Statistics.named(name, options: values).request(classes: 2)
        } catch { throw entry.error("statistic", "= \(name): \(error)") }
    }
}
