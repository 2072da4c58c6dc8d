public import Checkpoint
public import Linalg
public import Tensors

/// A contiguous range of decoder layers; the first stage also holds the embedding, the last the final norm and LM head.
public final class Stage {
    public let config: ModelConfig
    public let range: Range<Int>
    public let layers: [DecoderLayer]
    public let embedding: Embedding?
    public let head: Head?
    /// Changes activations of every block; `nil`: nobody does.
    public var writer: (any ResidualWrite)? { didSet { for layer in layers { layer.writer = writer } } }
    /// Whether resident weights have packed copies, for products of few rows. To be off before weights are trained.
    public var packsWeights = false {
        didSet {
            for layer in layers { for matrix in layer.stacks { matrix.packs = packsWeights } }
            head?.matrix.packs = packsWeights
        }
    }
    let pool: ThreadPool
    private let source: any WeightSource

    /// - Parameters:
    ///   - resident: keep every matrix as f32; otherwise each is widened from the checkpoint at each use.
    /// - Throws: `StageError.missingTensor`, or what the source throws.
    public init(
        source: any WeightSource, layers range: Range<Int>, first: Bool, last: Bool, pool: ThreadPool,
        resident: Bool = true
    ) throws {
        precondition(
            range.lowerBound >= 0 && range.upperBound <= source.config.layerCount,
            "layers \(range) of \(source.config.layerCount)")
        BLAS.useSingleThreads()
        self.source = source
        config = source.config
        self.range = range
        self.pool = pool
        let rope = Rope(config)
        var scratch: AlignedBuffer?
        if !resident {
            scratch = AlignedBuffer(byteCount: ModelFootprint(config).wideningBytes(isLast: last), zeroed: false)
        }
        layers = try range.map { try DecoderLayer($0, source: source, pool: pool, rope: rope, scratch: scratch) }
        var headMatrix: WeightMatrix?
        if last {
            let name = config.tiedEmbeddings ? Embedding.name : Head.name
            headMatrix = try WeightMatrix([name], source: source, pool: pool, scratch: scratch)
        }
        head = try headMatrix.map { try Head(source: source, pool: pool, matrix: $0) }
        if first {
            embedding = try Embedding(source: source, shared: config.tiedEmbeddings ? headMatrix : nil, pool: pool)
        } else {
            embedding = nil
        }
    }

    /// Keeps the embedding as f32 in memory, so that it can be trained.
    /// - Throws: `StageError.missingTensor` or `.badWeight`; what the source throws.
    public func holdEmbedding() throws {
        guard let embedding, embedding.resident == nil else { return }
        embedding.resident = try WeightMatrix([Embedding.name], source: source, pool: pool, scratch: nil)
    }

    /// What a forward leaves for the backward: each layer's input, and, where kept, everything else.
    public struct Tape {
        var inputs: [AlignedBuffer] = []
        var activations: [DecoderLayer.Activations?] = []
        public init() {}
    }

    /// Runs the stage's layers.
    /// - Parameters:
    ///   - x: [rows × d], the previous stage's output or the embedding's rows.
    ///   - tape: filled for a later `backward`; nil: forward only.
    ///   - keep: keep all activations rather than make them again from each layer's input. Never changes a result.
    ///   - last: the last layer to run, where what comes out is not needed.
    /// - Returns: the output of the last layer that ran [rows × d].
    /// - Throws: what `DecoderLayer.forward` throws.
    public func forward(
        _ x: AlignedBuffer, batch: PackedBatch, tap: (any Tap)? = nil, tape: UnsafeMutablePointer<Tape>? = nil,
        keep: Bool = false, through last: Int? = nil
    ) throws -> AlignedBuffer {
        var x = x
        for layer in layers where layer.index <= last ?? .max {
            show(.input(layer.index), x, batch, tap)
            let (y, activations) = try layer.forward(x, batch: batch, tap: tap)
            tape?.pointee.inputs.append(x)
            tape?.pointee.activations.append(keep ? activations : nil)
            x = y
        }
        if last ?? .max >= config.layerCount - 1 { showEnd(x, batch, tap) }
        return x
    }

    private func show(_ place: ResidualPlace, _ x: AlignedBuffer, _ batch: PackedBatch, _ tap: (any Tap)?) {
        guard let tap, tap.readsResidual else { return }
        tap.residual(place, x: x.p, columns: config.hiddenSize, batch: batch)
    }

    /// What comes out of the last block, as it is and as the final norm makes it.
    private func showEnd(_ x: AlignedBuffer, _ batch: PackedBatch, _ tap: (any Tap)?) {
        guard let head, tap?.readsResidual == true else { return }
        show(.output, x, batch, tap)
        let normed = AlignedBuffer(floats: batch.rowCount * config.hiddenSize, zeroed: false)
        head.norm.forward(pool, y: normed.p, x: x.p, rows: batch.rowCount)
        show(.norm, normed, batch, tap)
    }

    /// Gradient at the stage's input, from the gradient at its output (overwritten). Consumes the tape.
    /// - Parameter first: the first layer to run, where the gradient at the stage's input is not needed.
    /// - Returns: the gradient at the input of the last layer that ran [rows × d].
    /// - Throws: what the layers' `forward` and `backward` throw.
    public func backward(
        _ dy: AlignedBuffer, tape: inout Tape, batch: PackedBatch, tap: any Tap, downTo first: Int? = nil
    ) throws -> AlignedBuffer {
        var dy = dy
        for (i, layer) in layers.enumerated().reversed() where layer.index >= first ?? 0 {
            let activations = try tape.activations[i] ?? layer.forward(tape.inputs[i], batch: batch).activations
            dy = try layer.backward(dy, activations, batch: batch, tap: tap)
            tape.activations.removeLast()
            tape.inputs.removeLast()
        }
        return dy
    }

    /// Reads every tensor from the checkpoint again, forgetting edits and training.
    /// - Throws: `StageError.badWeight` where a weight is no finite number; what the source throws.
    public func reload() throws {
        for layer in layers { try layer.reload() }
        try head?.matrix.reload()
        try head?.norm.reload()
        if let table = embedding?.resident, table !== head?.matrix { try table.reload() }
    }
}
