import Tensors

/// The study file's `probe`.
extension Study {
    static func probe(_ top: StudyNode, _ path: (String) -> String) throws(InputError) -> Probe? {
        guard let node = try top.mapping("probe", keys: ["harmful", "harmless", "c"]) else { return nil }
        var probe = Probe(
            harmful: try node.required("harmful") { key throws(InputError) in try prompts(node, key, path) },
            harmless: try node.required("harmless") { key throws(InputError) in try prompts(node, key, path) })
        probe.c = try node.number("c", in: 1e-9...1e9) ?? probe.c
        return probe
    }
}
