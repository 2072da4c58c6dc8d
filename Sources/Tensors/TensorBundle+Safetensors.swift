extension TensorBundle {
    /// The bundle as the bytes of a safetensors file, cut anywhere without ever being laid out whole.
    public struct Image: Sendable {
        private let entries: [Entry]
        private let layout: SafetensorsLayout
        /// The `ChunkSum` of every piece of `sumBytes` from the start on; empty until the image is sealed.
        var sums: [UInt64] = []
        static let sumBytes = 1 << 20

        fileprivate init(_ bundle: TensorBundle) {
            entries = bundle.entries
            layout = SafetensorsLayout(
                bundle.entries.map { TensorDescription(name: $0.name, type: $0.type, shape: $0.shape) },
                metadata: bundle.metadata)
        }

        /// Size of the whole file in bytes.
        public var byteCount: Int { layout.byteCount }

        /// The whole file; for small ones.
        public func bytes() -> [UInt8] {
            [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
                copyBytes(0..<byteCount, into: UnsafeMutableRawBufferPointer(buffer))
                count = byteCount
            }
        }

        /// Copies the file's bytes `range` to the start of `destination`.
        public func copyBytes(_ range: Range<Int>, into destination: UnsafeMutableRawBufferPointer) {
            precondition(
                range.lowerBound >= 0 && range.upperBound <= byteCount, "bytes \(range) of a file of \(byteCount)")
            precondition(destination.count >= range.count, "\(range.count) bytes into a buffer of \(destination.count)")
            layout.header.withUnsafeBytes { copy($0, at: 0, range, destination) }
            for (entry, place) in zip(entries, layout.ranges) {
                copy(UnsafeRawBufferPointer(entry.buffer.bytes), at: place.lowerBound, range, destination)
            }
        }

        /// Where the file's bytes `range` lie in one tensor's memory; `nil` where they do not lie in one alone.
        public func slice(_ range: Range<Int>) -> (buffer: AlignedBuffer, range: Range<Int>)? {
            for (entry, place) in zip(entries, layout.ranges)
            where place.lowerBound <= range.lowerBound && range.upperBound <= place.upperBound {
                return (entry.buffer, range.lowerBound - place.lowerBound..<range.upperBound - place.lowerBound)
            }
            return nil
        }

        /// Copies the part of `piece`, which stands at byte `start` of the file, that lies in `range`.
        private func copy(
            _ piece: UnsafeRawBufferPointer, at start: Int, _ range: Range<Int>,
            _ destination: UnsafeMutableRawBufferPointer
        ) {
            let common = range.clamped(to: start..<start + piece.count)
            guard !common.isEmpty else { return }
            (destination.baseAddress! + (common.lowerBound - range.lowerBound))
                .copyMemory(from: piece.baseAddress! + (common.lowerBound - start), byteCount: common.count)
        }
    }

    public func image() -> Image { Image(self) }

    /// Size of the bundle as a safetensors file.
    public var byteCount: Int { image().byteCount }

    /// Reads a bundle from the bytes of a safetensors file, copying the tensors.
    /// - Parameter source: names the bytes in errors.
    /// - Throws: `TensorFileError`.
    public init(safetensors bytes: UnsafeRawBufferPointer, source: String) throws(TensorFileError) {
        let header = try SafetensorsHeader(parsing: bytes, path: source)
        self.init(
            metadata: header.metadata,
            entries: header.entries.map { entry in
                let buffer = AlignedBuffer(byteCount: entry.bytes.count, zeroed: false)
                buffer.bytes.copyMemory(from: UnsafeRawBufferPointer(rebasing: bytes[entry.bytes]))
                return Entry(
                    name: entry.tensor.name, type: entry.tensor.type, shape: entry.tensor.shape, buffer: buffer)
            })
    }

    /// A bundle whose tensors are parts of a safetensors image in memory: nothing is copied.
    /// - Parameter source: names the bytes in errors.
    /// - Throws: `TensorFileError`.
    public init(partsOf image: AlignedBuffer, source: String) throws(TensorFileError) {
        let header = try SafetensorsHeader(parsing: UnsafeRawBufferPointer(image.bytes), path: source)
        self.init(
            metadata: header.metadata,
            entries: header.entries.map {
                Entry(
                    name: $0.tensor.name, type: $0.tensor.type, shape: $0.tensor.shape,
                    buffer: AlignedBuffer(part: $0.bytes, of: image))
            })
    }

    /// A bundle whose tensors are read from a safetensors file as they are touched; they may not be written to.
    /// - Throws: `TensorFileError`.
    public init(mapping path: String) throws(TensorFileError) {
        let file = try FileMapping(path: path)
        let header = try SafetensorsHeader(parsing: file.bytes, path: path)
        self.init(
            metadata: header.metadata,
            entries: header.entries.map {
                Entry(
                    name: $0.tensor.name, type: $0.tensor.type, shape: $0.tensor.shape,
                    buffer: AlignedBuffer(readOnly: $0.bytes, of: file))
            })
    }

    /// Reads a safetensors file into memory.
    /// - Throws: `TensorFileError`.
    public init(safetensors path: String) throws(TensorFileError) {
        let mapping = try FileMapping(path: path)
        defer { withExtendedLifetime(mapping) {} }
        try self.init(safetensors: mapping.bytes, source: path)
    }

    /// Writes the bundle as a safetensors file, which appears under its name only when complete.
    /// - Throws: `TensorFileError`.
    public func write(safetensors path: String) throws {
        let tensors = entries.map { TensorDescription(name: $0.name, type: $0.type, shape: $0.shape) }
        let buffers = Dictionary(entries.map { ($0.name, $0.buffer) }) { first, _ in first }
        try SafetensorsWriter.write(to: path, tensors: tensors, metadata: metadata) { tensor, sink in
            try sink(UnsafeRawBufferPointer(buffers[tensor.name]!.bytes))
        }
    }
}
