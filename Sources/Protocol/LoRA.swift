/// Fine-tuning of low-rank matrices beside linear maps (LoRA, Hu et al., arXiv 2106.09685, section 4.1): a map computes with
/// W + alpha / rank · B A, and A [rank × d_in] and B [d_out × rank] alone are trained.
public struct LoRA: Codable, Sendable, Equatable {
    /// What peft takes for Llama, Mistral and Qwen2 where nobody says otherwise.
    public static let standardRank = 8
    public static let standardAlpha = 8.0

    public var rank: Int
    public var alpha: Double
    /// Linear maps that get the matrices, named as in the checkpoint (`self_attn.q_proj`).
    public var maps: [String]
    /// Of A's first values; B is zero at first.
    public var seed: UInt64

    public init(rank: Int, alpha: Double, maps: [String], seed: UInt64) {
        (self.rank, self.alpha, self.maps, self.seed) = (rank, alpha, maps, seed)
    }

    /// What B A is multiplied by.
    public var scale: Float { Float(alpha / Double(rank)) }

    /// Names of the matrices beside a weight, in results and edits.
    public static func a(_ weight: String) -> String { "lora_A." + weight }
    public static func b(_ weight: String) -> String { "lora_B." + weight }

    /// One line that `init(text:)` reads: rank, alpha, seed, maps.
    public var text: String { "\(rank) \(alpha) \(seed) \(maps.joined(separator: ","))" }

    /// - Returns: `nil` where the line is no such `text`.
    public init?(text: String) {
        let parts = text.split(separator: " ")
        guard parts.count == 4, let rank = Int(parts[0]), let alpha = Double(parts[1]), let seed = UInt64(parts[2])
        else { return nil }
        self.init(rank: rank, alpha: alpha, maps: parts[3].split(separator: ",").map(String.init), seed: seed)
        guard isSound else { return nil }
    }

    /// What every engine relies on.
    var isSound: Bool { (1...65_536).contains(rank) && alpha.isFinite && !maps.isEmpty }
}
