import Checkpoint
import Tensors

/// Adds a `WeightDelta` to a model's weights: its checkpoints opened, its masks by weight. Safe from several threads.
final class DeltaSum: Sendable {
    private struct Term: Sendable {
        var to: (any WeightSource)?
        var from: (any WeightSource)?
        var scale: Double
        /// By weight; `nil`: all weights.
        var mask: [String: BitSet]?
        var share: WeightDelta.Share?
        var number: Int
    }

    private let terms: [Term]
    private let model: any WeightSource

    init(_ edit: WeightDelta, of model: any WeightSource, layers: Range<Int>, files: EditFiles) throws {
        self.model = model
        var opened: [String: any WeightSource] = [:]
        func open(_ checkpoint: OtherCheckpoint?) throws -> (any WeightSource)? {
            guard let checkpoint else { return nil }
            if let known = opened[checkpoint.path] { return known }
            let source = try checkpoint.opened(files, layers: layers, config: model.config)
            opened[checkpoint.path] = source
            return source
        }
        terms = try edit.terms.enumerated().map { number, term in
            try term.mask?.check(against: model, named: "the mask of a delta")
            let mask = term.mask.map { mask in
                Dictionary(mask.maps.map { ($0.shape.name, $0.bits) }) { first, _ in first }
            }
            return Term(
                to: try open(term.to), from: try open(term.from), scale: term.scale, mask: mask, share: term.share,
                number: number)
        }
    }

    /// Changes rows of a weight, in place.
    /// - Throws: where another checkpoint cannot be read.
    func apply(_ name: String, _ rows: Range<Int>, _ values: UnsafeMutablePointer<Float>) throws {
        let columns = model.shape(of: name)?.dropFirst().reduce(1, *) ?? 1
        let count = rows.count * columns
        let first = rows.lowerBound * columns
        var sums: [Double]?
        for term in terms where term.scale != 0 {
            var bits: BitSet?
            if let mask = term.mask {
                guard let own = mask[name] else { continue }
                bits = own
            }
            let to = try read(term.to, name, rows, count)
            let from = try read(term.from, name, rows, count)
            var scale = term.scale
            var draws: RandomStream?
            if let share = term.share {
                draws = RandomStream(seed: share.seed, name: "keep \(term.number) \(name)")
                if share.isRescaled, share.probability > 0 { scale /= share.probability }
            }
            let probability = term.share?.probability ?? 1
            func isKept(_ i: Int) -> Bool {
                (bits?[first + i] ?? true) && (draws.map { $0.double(first + i) < probability } ?? true)
            }
            withExtendedLifetime((to, from)) {
                let (a, b) = (to?.floats.baseAddress! ?? values, from?.floats.baseAddress! ?? values)
                if terms.count == 1, from == nil, scale == 1 {
                    // All the way to the other checkpoint: its bits.
                    for i in 0..<count where isKept(i) { values[i] = a[i] }
                    return
                }
                var own = sums ?? [Double](repeating: 0, count: count)
                own.withUnsafeMutableBufferPointer { own in
                    for i in 0..<count where isKept(i) { own[i] += scale * (Double(a[i]) - Double(b[i])) }
                }
                sums = own
            }
        }
        guard let sums else { return }
        // A weight to which nothing is added keeps its bits, also those of −0.
        for i in 0..<count where sums[i] != 0 { values[i] = Float(Double(values[i]) + sums[i]) }
    }

    private func read(
        _ source: (any WeightSource)?, _ name: String, _ rows: Range<Int>, _ count: Int
    ) throws -> AlignedBuffer? {
        guard let source else { return nil }
        let buffer = AlignedBuffer(floats: count, zeroed: false)
        try source.read(name, rows: rows, into: buffer.floats.baseAddress!)
        return buffer
    }
}
