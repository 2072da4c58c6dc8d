import Tensors

extension Checkpoint {
    /// Bytes of the files that hold the weights, through symbolic links, as a cache of downloads has them; 0 for a file that
    /// cannot be looked at.
    public var fileBytes: Int {
        guard Files.isFolder(path) else { return Files.byteCount(path) ?? 0 }
        return Files.names(in: path).filter { $0.hasSuffix(".safetensors") }
            .reduce(0) { $0 + (Files.byteCount("\(path)/\($1)") ?? 0) }
    }
}
