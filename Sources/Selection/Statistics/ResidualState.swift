public import Checkpoint
import Protocol
public import Tensors

/// The mean state of the residual stream, and of its squares, for every class of prompts: at the input of each decoder
/// block, at the output of the last one, and after the final norm; at the last token of the prompt, or at several counted
/// from its end.
public struct ResidualState: Statistic {
    public static let name = "residual_state"
    public static let optionKeys = ["positions"]
    public static let readsPrompts = true
    static let furthest = 1024

    /// Counted from the prompt's end: −1 is its last token.
    public let positions: [Int]
    public var options: [String: String] { ["positions": positions.map(String.init).joined(separator: ",")] }
    public var readsResidual: Bool { true }
    public var leastPromptTokens: Int { positions.map { -$0 }.max() ?? 1 }
    public var room: StatisticRoom { .activations }

    public init(options: [String: String]) throws(SelectionError) {
        let text = options["positions"] ?? "-1"
        let numbers = text.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
        guard numbers.allSatisfy({ (-Self.furthest ... -1).contains($0) }), Set(numbers).count == numbers.count else {
            throw .option(
                statistic: Self.name, option: "positions", value: text,
                fault: "is no list of different positions from -\(Self.furthest) to -1, the last token of a prompt")
        }
        positions = numbers
    }

    public func tensors(_ config: ModelConfig, _ extent: StatisticExtent) -> [StatisticTensor] {
        let shape = [extent.classes, positions.count, config.hiddenSize]
        return ResidualPlace.places(in: extent.layers, of: config).flatMap { place in
            [
                StatisticTensor(StatisticName.residual(.sum, place), .f64, shape),
                StatisticTensor(StatisticName.residual(.squares, place), .f64, shape, .nonNegative),
                StatisticTensor(StatisticName.residual(.count, place), .f64, [extent.classes], .nonNegative),
            ]
        }
    }

    /// `mean.CLASS.PLACE` and `mean_square.CLASS.PLACE`, F64 [positions × hidden size], and `count.CLASS`, F64 [1].
    /// - Throws: `SelectionError.missing`, `SelectionError.shape`.
    public func finished(_ combined: TensorBundle, classes: [String]) throws -> [TensorBundle.Entry] {
        var entries: [TensorBundle.Entry] = []
        let prefix = StatisticName.residual(.count, nil)
        for entry in combined.entries where entry.name.hasPrefix(prefix) {
            let place = String(entry.name.dropFirst(prefix.count))
            let counts = entry.buffer.doubleArray()
            guard counts.count == classes.count else {
                throw SelectionError.shape(map: entry.name, expected: [classes.count], found: entry.shape)
            }
            for (kind, title) in [(StatisticName.Residual.sum, "mean"), (.squares, "mean_square")] {
                let name = StatisticName.residual(kind, nil) + place
                guard let sums = combined[name] else { throw SelectionError.missing(map: name, source: Self.name) }
                let values = sums.buffer.doubleArray()
                let size = values.count / classes.count
                for (number, label) in classes.enumerated() {
                    let means = values[number * size..<(number + 1) * size].map { $0 / counts[number] }
                    entries.append(
                        .init(
                            name: "\(title).\(label).\(place)", type: .f64, shape: Array(sums.shape.dropFirst()),
                            buffer: AlignedBuffer(doubles: means)))
                }
            }
            guard place == ResidualPlace.norm.description else { continue }
            for (count, label) in zip(counts, classes) {
                entries.append(
                    .init(name: "count.\(label)", type: .f64, shape: [1], buffer: AlignedBuffer(doubles: [count])))
            }
        }
        return entries
    }
}

extension StatisticName {
    /// What is summed of the residual stream.
    public enum Residual: String, Sendable { case sum, squares, count }

    /// - Parameter place: `nil`: what the names of all places begin with.
    public static func residual(_ kind: Residual, _ place: ResidualPlace?) -> String {
        "\(ResidualState.name).\(kind.rawValue).\(place?.description ?? "")"
    }
}
