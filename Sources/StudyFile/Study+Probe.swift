import Tensors

/// The study file's `probe`, and the condition `heads`.
extension Study {
    static func probe(_ top: StudyNode, _ path: (String) -> String) throws(InputError) -> Probe? {
        guard let node = try top.mapping("probe", keys: ["harmful", "harmless", "c"]) else { return nil }
        var probe = Probe(
            harmful: try node.required("harmful") { key throws(InputError) in try prompts(node, key, path) },
            harmless: try node.required("harmless") { key throws(InputError) in try prompts(node, key, path) })
        probe.c = try node.number("c", in: 1e-9...1e9) ?? probe.c
        return probe
    }

    static func heads(_ entry: StudyNode) throws(InputError) -> HeadSelection {
        let keys = ["top", "bottom", "random"]
        let node = try entry.required("heads") { key throws(InputError) in try entry.mapping(key, keys: keys) }
        guard node.keys.count == 1, let key = node.keys.first else {
            throw entry.error("heads", "needs exactly one of \(keys.joined(separator: ", "))")
        }
        let count = try node.required(key) { key throws(InputError) in try node.integer(key, in: 1...1_000_000) }
        return key == "top" ? .top(count) : key == "bottom" ? .bottom(count) : .random(count)
    }
}
