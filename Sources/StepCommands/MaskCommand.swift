package import ArgumentParser
package import Console
import Datasets
import Logging
import OutputFiles
package import Selection
import Tensors

package struct MaskCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "mask", abstract: "Selects weights by their scores.",
        discussion: """
            With --utility: the set difference, top q % by safety score minus top p % by utility score. Without: the top \
            (or --bottom) q % of --safety alone, or --random weights, as many of every matrix as --like selects.
            """)

    @Option(help: ArgumentHelp("Scores on safety data.", valueName: "file"))
    package var safety: String?

    @Option(help: ArgumentHelp("Scores on utility data.", valueName: "file"))
    package var utility: String?

    @Option(help: ArgumentHelp("Percent of the safety ranking that is taken.", valueName: "percent"))
    package var q: Double?

    @Option(help: ArgumentHelp("Percent of the utility ranking that is spared.", valueName: "percent"))
    package var p: Double?

    @Option(help: "Compare scores inside one matrix, one output row, or the whole model.")
    package var group: Group = .matrix

    @Flag(help: "The largest scores (the default without --utility).")
    package var top = false

    @Flag(help: "The smallest scores.")
    package var bottom = false

    @Flag(help: "Random weights.")
    package var random = false

    @Option(
        help: ArgumentHelp("Take as many weights of every matrix as this mask does, instead of q %.", valueName: "mask")
    )
    package var like: String?

    @Option(help: "Seed of --random.")
    package var seed: UInt64 = 42

    @Option(help: ArgumentHelp("The mask file.", valueName: "file"))
    package var out: String

    @OptionGroup package var forcing: ForceOption

    package init() {}

    package func validate() throws {
        guard [top, bottom, random].count(where: { $0 }) <= 1 else {
            throw ValidationError("--top, --bottom and --random exclude each other")
        }
        if utility != nil {
            guard !(top || bottom || random), like == nil else {
                throw ValidationError(
                    "--utility makes a set difference; it excludes --top, --bottom, --random and --like")
            }
            guard q != nil, p != nil else { throw ValidationError("a set difference needs --q and --p") }
        } else {
            guard p == nil else { throw ValidationError("--p needs --utility") }
            guard (q == nil) != (like == nil) else {
                throw ValidationError("say how many weights: --q PERCENT or --like MASK")
            }
        }
        guard safety != nil || (random && like != nil) else { throw ValidationError("--safety SCORES is missing") }
    }

    package func run() throws {
        if let q { try TopK.check(percent: q, name: "q") }
        if let p { try TopK.check(percent: p, name: "p") }
        var outputs = Outputs(reading: [safety, utility, like])
        let out = try outputs.file("--out", out, standard: "mask.safetensors")
        let origin = try origin()
        var mask = try select()
        guard mask.count > 0 else {
            throw InputError(
                out,
                utility == nil
                    ? "not written: no weight would be selected; \(q == nil ? "the mask to be like has none" : "q is less than one weight of any \(group.rawValue)")"
                    : "not written: no weight would be selected; the top q % by safety are all among the top p % by utility, or q is less than one weight"
            )
        }
        mask.metadata.merge(origin) { $1 }
        for (key, path) in [("safety", safety), ("utility", utility), ("like", like)] {
            if let path { mask.metadata[key] = try Digest.sha256(file: path) }
        }
        try mask.write(to: out)
        Terminal.log.info("\(out): \(mask.count) of \(mask.size) weights")
    }

    /// Which model the mask will belong to, and how the scores were made.
    private func origin() throws -> [String: String] {
        var belonging = forcing.belonging()
        let scores = try [safety, utility].compactMap { $0 }.map { path in
            Provenance(path, metadata: try ScoreFile(path: path).metadata)
        }
        let others = try [like].compactMap { $0 }.map { path in
            Provenance(path, metadata: try Mask(contentsOf: path).metadata)
        }
        try belonging.checkModels(scores + others)
        if scores.count == 2 { try belonging.checkMethods(scores[0], scores[1]) }
        var provenance = (scores + others).first { $0.model != nil }?.modelMetadata ?? [:]
        if !random { provenance["scores"] = scores.first?.method }
        return provenance.merging(belonging.metadata) { $1 }
    }

    private func select() throws -> Mask {
        let order: Order = bottom ? .smallest : .largest
        if let utility, let q, let p {
            return try SetDifference.mask(
                safety: try ScoreFile(path: safety!), q: q, utility: try ScoreFile(path: utility), p: p, group: group)
        }
        let other = try like.map { try Mask(contentsOf: $0) }
        var mask: Mask
        if random {
            let maps = try other?.maps.map(\.shape) ?? ScoreFile(path: safety!).maps
            mask = try select(WeightScores.random(maps: maps, seed: seed), other, order)
            mask.metadata["seed"] = "\(seed)"
        } else {
            mask = try select(try ScoreFile(path: safety!), other, order)
        }
        mask.metadata["selection"] = random ? "random" : bottom ? "bottom" : "top"
        if let q {
            mask.metadata["q"] = "\(q)"
            mask.metadata["group"] = group.rawValue
        }
        return mask
    }

    private func select(_ scores: some ScoreSource, _ like: Mask?, _ order: Order) throws -> Mask {
        if let like { return try Selector.mask(of: scores, sizedLike: like, order: order) }
        return try Selector.mask(of: scores, percent: q!, name: "q", group: group, order: order)
    }
}
