import Tensors

/// The weights of a Hugging Face folder: `model.safetensors`, or the shards that `model.safetensors.index.json` names.
enum SafetensorsShards {
    static func open(folder: String) throws(CheckpointError) -> [String: StoredTensor] {
        let index = "\(folder)/model.safetensors.index.json"
        let single = "\(folder)/model.safetensors"
        if !Files.exists(single), Files.exists(index) { return try sharded(index: index, folder: folder) }
        guard Files.exists(single) else {
            throw CheckpointError(
                .unreadable, file: folder, "no model.safetensors here (weights in .bin files must be converted first)")
        }
        return try tensors(of: single)
    }

    private static func sharded(index: String, folder: String) throws(CheckpointError) -> [String: StoredTensor] {
        guard let map = try CheckpointFiles.json(index)["weight_map"]?.members else {
            throw CheckpointError(.malformed, file: index, "no weight_map")
        }
        var shards: [String: [String: StoredTensor]] = [:]
        var result: [String: StoredTensor] = [:]
        for member in map {
            let name = member.key.text
            guard let shard = member.value.string, !shard.contains("/") else {
                throw CheckpointError(.malformed, file: index, "tensor \(name): no file name in this folder")
            }
            if shards[shard] == nil { shards[shard] = try tensors(of: "\(folder)/\(shard)") }
            guard let tensor = shards[shard]?[name] else {
                throw CheckpointError(
                    .mismatch, file: "\(folder)/\(shard)", "tensor \(name), which the index places here, is missing")
            }
            result[name] = tensor
        }
        return result
    }

    private static func tensors(of path: String) throws(CheckpointError) -> [String: StoredTensor] {
        do throws(TensorFileError) {
            let mapping = try FileMapping(path: path)
            defer { withExtendedLifetime(mapping) {} }
            let header = try SafetensorsHeader(parsing: mapping.bytes, path: path)
            var result: [String: StoredTensor] = [:]
            for entry in header.entries {
                guard let encoding = WeightEncoding(rawValue: entry.tensor.type.rawValue) else {
                    // Buffers such as position ids are no weights.
                    guard !entry.tensor.name.hasSuffix(".weight"), !entry.tensor.name.hasSuffix(".bias") else {
                        throw TensorFileError(
                            file: path, tensor: entry.tensor.name,
                            fault: "weights of type \(entry.tensor.type.rawValue) cannot be read")
                    }
                    continue
                }
                result[entry.tensor.name] = StoredTensor(
                    mapping: mapping, bytes: entry.bytes, encoding: encoding, shape: entry.tensor.shape)
            }
            return result
        } catch { throw CheckpointError(error) }
    }
}
