package import Checkpoint
package import Selection
package import Tensors

/// A point of the safety landscape: all weights are moved along one or two directions (`Perturbation`, arXiv 2405.17374).
package struct LandscapeMethod: ConditionMethod {
    package static let keys = ["landscape"]
    package static func axes(of key: String) -> [ListAxis] { ["seed", "alpha", "beta"].map { ListAxis(key: $0) } }

    /// How far along the first direction, in norms of each tensor.
    package var alpha: Double
    /// The same along the second one; `nil`: there is none.
    package var beta: Double?
    /// Of random directions; `nil`: the study's.
    package var seed: UInt64?
    /// Files of directions; `nil`: drawn at random.
    package var direction: String?
    package var secondDirection: String?
    package var isOrthogonal = false
    package var isScaled = true

    package init(alpha: Double) { self.alpha = alpha }

    private enum Scaling: String, CaseIterable { case tensor, asItIs = "none" }
    private enum Flag: String, CaseIterable { case yes = "true", no = "false" }
    private static let range = -1e6...1e6

    /// - Throws: `InputError` with file, line and the key's path.
    package init(_ entry: ConditionEntry) throws(InputError) {
        let node = try entry.settings([
            "alpha", "beta", "seed", "direction", "second_direction", "orthogonal", "normalise",
        ])
        alpha = try node.required("alpha") { key throws(InputError) in try node.number(key, in: Self.range) }
        beta = try node.number("beta", in: Self.range)
        seed = try node.integer("seed", in: 0...Int.max).map { UInt64($0) }
        direction = try node.string("direction").map(entry.path)
        secondDirection = try node.string("second_direction").map(entry.path)
        isOrthogonal = try node.choice("orthogonal", as: Flag.self) == .yes
        isScaled = try node.choice("normalise", as: Scaling.self) != .asItIs
        if beta == nil, let key = ["second_direction", "orthogonal"].first(where: { node.has($0) }) {
            throw node.error(key, "is about a second direction, which beta asks for")
        }
        let isRead = direction != nil && (beta == nil || secondDirection != nil)
        if isRead, node.has("seed") { throw node.error("seed", "is about random directions, and none is drawn") }
        if !isScaled, !isRead {
            throw node.error("normalise", "= none goes with directions that are read from files")
        }
        if !isScaled, isOrthogonal { throw node.error("orthogonal", "= true goes with normalise: tensor") }
    }

    /// What the points of one curve, or one plane, have in common.
    package var curve: LandscapeMethod {
        var curve = self
        (curve.alpha, curve.beta) = (0, beta.map { _ in 0 })
        return curve
    }

    /// Its directions in words.
    package var directions: String {
        let drawn = seed.map { "seed \($0)" } ?? "the study's seed"
        func name(_ file: String?) -> String {
            file.map { $0.split(separator: "/").last.map(String.init) ?? $0 } ?? "random (\(drawn))"
        }
        guard beta != nil else { return name(direction) + (isScaled ? "" : ", as it is") }
        return "\(name(direction)) and \(name(secondDirection))"
            + (isOrthogonal ? ", made orthogonal" : "") + (isScaled ? "" : ", as they are")
    }

    package var title: String {
        let far = plainNumber(alpha) + (beta.map { " and \(plainNumber($0))" } ?? "")
        return "all weights moved by \(far) along \(directions)"
    }

    package func family(_ extent: EditExtent) -> ConditionFamily { .landscape }
    package var coordinates: [GridAxis] {
        [GridAxis("alpha", plainNumber(alpha), alpha)] + (beta.map { [GridAxis("beta", plainNumber($0), $0)] } ?? [])
    }
    package var files: [String] {
        var files: [String] = []
        if let direction { files.append(direction) }
        if let secondDirection { files.append(secondDirection) }
        return files
    }
    package var sides: [Study.Side] { [] }
    package var needsScores: Bool { false }
    package var sequence: BlockSequence { .withoutData }
    package var cost: EditCost {
        if alpha == 0, (beta ?? 0) == 0 { return .nothing }
        let count = beta == nil ? 1 : 2
        return EditCost(rewrites: files.count + (count - files.count) * EditCost.draws, files: files)
    }
    package var making: Making { .edit { [self] in try edit(seed: $0.seed) } }

    package func check(_ condition: Study.Condition, in study: Study, _ top: StudyNode) {}

    /// Checks the files of directions: every weight's tensor is there, in its shape, with finite numbers; and a second one that
    /// is made orthogonal to the first is no multiple of it.
    /// - Throws: `TensorFileError`, or `SelectionError` naming the tensor or the file.
    package func check(_ condition: Study.Condition, against config: ModelConfig) throws {
        for file in files { try DirectionFile(path: file).check(against: config) }
        guard isOrthogonal, let direction, let secondDirection else { return }
        guard try DirectionFile(path: secondDirection).isParallel(to: DirectionFile(path: direction), config: config)
        else { return }
        throw SelectionError.file(
            secondDirection,
            fault: "is the same direction as \(direction), or a multiple: nothing is orthogonal to that")
    }

    private func edit(seed own: UInt64) throws -> Perturbation {
        func step(_ file: String?, _ factor: Double) throws -> Perturbation.Step {
            guard let file else { return .init(.random(seed: seed ?? own), factor: factor) }
            return .init(.file(path: file, digest: try Digest.sha256(file: file)), factor: factor)
        }
        var steps = [try step(direction, alpha)]
        if let beta { steps.append(try step(secondDirection, beta)) }
        return Perturbation(steps, isOrthogonal: isOrthogonal, isScaled: isScaled)
    }

    /// A file's content is known before a run.
    /// - Throws: `TensorFileError` where it cannot be read.
    package func fingerprint(
        _ condition: Study.Condition, in study: Study, _ known: KnownInputs
    ) throws -> [String]? {
        condition.fingerprint + ["\(seed ?? study.seed)"] + (try files.map { try Digest.sha256(file: $0) })
    }
}

extension ConditionFamily { package static let landscape = ConditionFamily(41, "landscape") }
