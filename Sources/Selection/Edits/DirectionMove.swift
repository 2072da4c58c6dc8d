public import Checkpoint
import Synchronization
import Tensors

/// Moves a model's weights as a `Perturbation` says: its directions opened, and how they are scaled in each tensor.
///
/// Safe to use from several threads. Every sum has one order, whoever computes it: pieces of a tensor, then the pieces' sums.
public final class DirectionMove: Sendable {
    /// What scales directions in a tensor: d₁ is s₁ x₁, d₂ is s₂ (x₂ − k x₁) of the numbers x drawn or read.
    struct Scale: Sendable {
        var first = 1.0
        var second = 1.0
        var overlap = 0.0
    }

    /// Scales that are known, by direction and tensor: the same at every point of a landscape. Of one checkpoint's weights.
    public final class Memory: Sendable {
        fileprivate let scales = Mutex<[String: Scale]>([:])
        /// Files whose content is the expected one, and fits the model.
        fileprivate let sound = Mutex<Set<String>>([])
        public init() {}
    }

    private enum Numbers: Sendable {
        case drawn(seed: UInt64)
        case read(DirectionFile)

        /// - Parameter number: of the direction, from 1: two directions of one seed differ.
        func fill(_ number: Int, _ name: String, _ rows: Range<Int>, _ columns: Int, _ out: UnsafeMutablePointer<Float>)
        {
            switch self {
            case .drawn(let seed):
                NormalStream(seed: seed, name: "direction \(number) \(name)")
                    .fill(out, from: rows.lowerBound * columns, count: rows.count * columns)
            case .read(let file): file.read(name, rows: rows, columns: columns, into: out)
            }
        }
    }

    private let edit: Perturbation
    private let model: any WeightSource
    private let numbers: [Numbers]
    private let memory: Memory
    private let identity: String

    /// - Throws: where a direction's file cannot be read, or does not fit the model; `SelectionError.file` where its
    ///   content is another than the edit was made with.
    public init(
        _ edit: Perturbation, of model: any WeightSource, files: EditFiles, memory: Memory = Memory()
    ) throws {
        (self.edit, self.model, self.memory) = (edit, model, memory)
        numbers = try edit.steps.map { step throws -> Numbers in
            switch step.direction {
            case .random(let seed): return .drawn(seed: seed)
            case .file(let path, let digest):
                let place = try files.allowed(path)
                let file = try DirectionFile(path: place)
                guard memory.sound.withLock({ $0.insert("\(place) \(digest)").inserted }) else { return .read(file) }
                do {
                    try Self.check(file, path, digest, model.config)
                } catch {
                    _ = memory.sound.withLock { $0.remove("\(place) \(digest)") }
                    throw error
                }
                return .read(file)
            }
        }
        let words = edit.steps.map { step in
            switch step.direction {
            case .random(let seed): "seed \(seed)"
            case .file(_, let digest): digest
            }
        }
        identity = "\(words.joined(separator: ", ")), \(edit.isOrthogonal) "
    }

    private static func check(_ file: DirectionFile, _ path: String, _ digest: String, _ config: ModelConfig) throws {
        guard try Digest.sha256(file: file.path) == digest else {
            throw SelectionError.file(
                path, fault: "holds another direction than the coordinator's; copy the same file to every machine")
        }
        try file.check(against: config)
    }

    /// Finds how the directions are scaled in tensors, so that `apply` need not.
    /// - Parameter run: calls its second argument with every number below the first one, in any order and on any threads.
    /// - Throws: where a weight cannot be read.
    public func prepare(_ names: [String], run: (Int, (Int) -> Void) -> Void) throws {
        guard edit.isScaled else { return }
        for name in names where !Perturbation.isNorm(name) { _ = try scale(name, run: run) }
    }

    /// Moves rows of a weight, in place.
    /// - Throws: where a weight cannot be read.
    public func apply(_ name: String, _ rows: Range<Int>, _ values: UnsafeMutablePointer<Float>) throws {
        if edit.isScaled, Perturbation.isNorm(name) { return }
        let scale = try edit.isScaled ? scale(name) { count, body in for index in 0..<count { body(index) } } : Scale()
        let columns = Self.columns(name, model)
        let count = rows.count * columns
        let buffers = numbers.map { _ in AlignedBuffer(floats: count, zeroed: false) }
        let pointers = buffers.map { $0.floats.baseAddress! }
        for (index, source) in numbers.enumerated() { source.fill(index + 1, name, rows, columns, pointers[index]) }
        var first = edit.steps[0].factor * scale.first
        withExtendedLifetime(buffers) {
            let a = pointers[0]
            guard numbers.count == 2 else {
                // A weight that is not moved keeps its bits, also those of −0.
                if first != 0 { for i in 0..<count { values[i] = Float(Double(values[i]) + first * Double(a[i])) } }
                return
            }
            let second = edit.steps[1].factor * scale.second
            first -= second * scale.overlap
            guard first != 0 || second != 0 else { return }
            let b = pointers[1]
            for i in 0..<count {
                values[i] = Float(Double(values[i]) + (first * Double(a[i]) + second * Double(b[i])))
            }
        }
    }

    private static func columns(_ name: String, _ model: any WeightSource) -> Int {
        model.shape(of: name)?.dropFirst().reduce(1, *) ?? 1
    }

    // MARK: Scales

    /// Σ w², Σ x₁², Σ x₁x₂, Σ x₂² of a piece.
    private struct Sums: Sendable {
        var weights = 0.0
        var first = 0.0
        var both = 0.0
        var second = 0.0

        mutating func add(_ other: Sums) {
            weights += other.weights
            first += other.first
            both += other.both
            second += other.second
        }
    }

    private func scale(_ name: String, run: (Int, (Int) -> Void) -> Void) throws -> Scale {
        let key = identity + name
        if let known = memory.scales.withLock({ $0[key] }) { return known }
        let scale = Self.scale(try sums(name, run: run), isOrthogonal: edit.isOrthogonal)
        memory.scales.withLock { $0[key] = scale }
        return scale
    }

    private static func scale(_ sums: Sums, isOrthogonal: Bool) -> Scale {
        let norm = sums.weights.squareRoot()
        /// A tensor of zeros has no direction: it is not moved.
        func factor(_ square: Double) -> Double { square > 0 ? norm / square.squareRoot() : 0 }
        let overlap = isOrthogonal && sums.first > 0 ? sums.both / sums.first : 0
        let rest = sums.second - overlap * sums.both
        // Of a multiple of the first direction rounding alone is left, which is no direction.
        let isParallel = isOrthogonal && rest <= DirectionFile.parallel * sums.second
        return Scale(first: factor(sums.first), second: isParallel ? 0 : factor(rest), overlap: overlap)
    }

    private func sums(_ name: String, run: (Int, (Int) -> Void) -> Void) throws -> Sums {
        let columns = Self.columns(name, model)
        let all = model.shape(of: name)?[0] ?? 0
        let step = max(1, (1 << 16) / max(1, columns))
        let count = (all + step - 1) / step
        let pieces = Mutex<[Int: Result<Sums, any Error>]>([:])
        run(count) { piece in
            let rows = piece * step..<min((piece + 1) * step, all)
            let result = Result { try self.sums(name, rows, columns) }
            pieces.withLock { $0[piece] = result }
        }
        var total = Sums()
        for piece in 0..<count { total.add(try pieces.withLock { $0[piece]! }.get()) }
        return total
    }

    private func sums(_ name: String, _ rows: Range<Int>, _ columns: Int) throws -> Sums {
        let count = rows.count * columns
        let buffers = (0...numbers.count).map { _ in AlignedBuffer(floats: count, zeroed: false) }
        let pointers = buffers.map { $0.floats.baseAddress! }
        try model.read(name, rows: rows, into: pointers[0])
        for (index, source) in numbers.enumerated() { source.fill(index + 1, name, rows, columns, pointers[index + 1]) }
        var sums = Sums()
        for i in 0..<count {
            let (w, x) = (Double(pointers[0][i]), Double(pointers[1][i]))
            sums.weights += w * w
            sums.first += x * x
            guard numbers.count == 2 else { continue }
            let y = Double(pointers[2][i])
            sums.both += x * y
            sums.second += y * y
        }
        return withExtendedLifetime(buffers) { sums }
    }
}
