public import Tensors

/// A partial result: the statistics of one stage over one block.
public protocol Partial {
    /// What it is called in errors.
    var label: String { get }
    var tensors: [TensorDescription] { get }
    /// Calls `body` with the tensor's bytes (row-major), or returns `nil` where there is no such tensor.
    /// - Throws: what `body` throws.
    func withTensor<R>(_ name: String, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R?
}

extension SafetensorsFile: Partial {
    public var label: String { path }
    /// Calls `body` with the tensor's bytes in the mapped file, or returns `nil` where there is no such tensor.
    /// - Throws: what `body` throws.
    public func withTensor<R>(_ name: String, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R? {
        try withBytes(of: name, body)
    }
}

/// A partial that never left memory.
public struct BundlePartial: Partial, Sendable {
    public let label: String
    private let bundle: TensorBundle

    public init(_ bundle: TensorBundle, label: String) {
        self.bundle = bundle
        self.label = label
    }

    public var tensors: [TensorDescription] {
        bundle.entries.map { TensorDescription(name: $0.name, type: $0.type, shape: $0.shape) }
    }

    /// Calls `body` with the tensor's bytes in memory, or returns `nil` where there is no such tensor.
    /// - Throws: what `body` throws.
    public func withTensor<R>(_ name: String, _ body: (UnsafeRawBufferPointer) throws -> R) throws -> R? {
        try bundle[name].map { try body(UnsafeRawBufferPointer($0.buffer.bytes)) }
    }
}

/// Sums partials into one file: per tensor, in block order, whatever order they arrived in.
///
/// F32 sums are f32 and F64 sums f64, added block after block from zero, so the bytes are a function of the partials
/// alone. Pure over its inputs: after a crash it is done again.
public enum Fold {
    /// - Parameters:
    ///   - blocks: for every block the partials of its stages; each tensor appears once in every block.
    ///   - path: the folded safetensors file, which appears only when complete.
    /// - Throws: `SelectionError.file` where a block lacks a tensor, has it twice or in another shape; `TensorFileError`.
    public static func fold(blocks: [[any Partial]], to path: String, metadata: [String: String] = [:]) throws {
        guard let first = blocks.first else { throw SelectionError.file(path, fault: "no blocks to fold") }
        let tensors = first.flatMap(\.tensors).sorted { $0.name < $1.name }
        for tensor in tensors where tensor.type != .f32 && tensor.type != .f64 {
            throw SelectionError.file(path, map: tensor.name, fault: "cannot sum \(tensor.type.rawValue)")
        }
        let sources = try blocks.enumerated().map { number, partials in
            try index(partials, expecting: tensors, block: number, path: path)
        }
        try SafetensorsWriter.write(to: path, tensors: tensors, metadata: metadata) { tensor, sink in
            guard let byteCount = tensor.byteCount else {
                throw SelectionError.file(path, map: tensor.name, fault: "impossible shape \(tensor.shape)")
            }
            let sum = AlignedBuffer(byteCount: byteCount)
            for source in sources {
                _ = try source[tensor.name]!.withTensor(tensor.name) { add($0, tensor.type, to: sum) }
            }
            try sink(UnsafeRawBufferPointer(sum.bytes))
        }
    }

    private static func index(
        _ partials: [any Partial], expecting tensors: [TensorDescription], block: Int, path: String
    ) throws -> [String: any Partial] {
        var sources: [String: any Partial] = [:]
        var found: [String: TensorDescription] = [:]
        for partial in partials {
            for tensor in partial.tensors {
                guard sources.updateValue(partial, forKey: tensor.name) == nil else {
                    throw SelectionError.file(partial.label, map: tensor.name, fault: "block \(block) has it twice")
                }
                found[tensor.name] = tensor
            }
        }
        for tensor in tensors where found[tensor.name] != tensor {
            throw SelectionError.file(
                path, map: tensor.name, fault: "block \(block) lacks it, or has it in another shape")
        }
        guard found.count == tensors.count else {
            throw SelectionError.file(path, fault: "block \(block) holds tensors that block 0 does not")
        }
        return sources
    }

    private static func add(_ bytes: UnsafeRawBufferPointer, _ type: ElementType, to sum: AlignedBuffer) {
        precondition(bytes.count == sum.byteCount, "\(bytes.count) bytes added to \(sum.byteCount)")
        if type == .f64 {
            let sums = sum.address.assumingMemoryBound(to: Double.self)
            for index in 0..<bytes.count / 8 {
                sums[index] += bytes.loadUnaligned(fromByteOffset: index * 8, as: Double.self)
            }
        } else {
            let sums = sum.address.assumingMemoryBound(to: Float.self)
            for index in 0..<bytes.count / 4 {
                sums[index] += bytes.loadUnaligned(fromByteOffset: index * 4, as: Float.self)
            }
        }
    }
}
