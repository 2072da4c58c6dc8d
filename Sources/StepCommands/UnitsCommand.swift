package import ArgumentParser
import Checkpoint
package import Console
import Datasets
import Experiment
import Logging
import OutputFiles
import Reporting
package import Selection
import StudyFile
import Tensors

package struct UnitsCommand: ParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "units",
        abstract: "Sorts a model's units into safety-critical, utility-critical, complex and redundant ones (SSAH).",
        subcommands: [Classes.self, Transitions.self])

    package init() {}

    package struct Classes: ParsableCommand {
        package static let configuration = CommandConfiguration(
            commandName: "classes",
            abstract: "The class of every unit, by a statistic unit_variance that a study has collected of the model.",
            discussion: """
                The statistic's harmful list is the safety data, its harmless list the utility data. --mask writes the \
                weights of the units of each --class.
                """)

        @Option(help: ArgumentHelp("A Hugging Face folder or a GGUF file.", valueName: "path"))
        package var model: String

        @Option(help: ArgumentHelp("statistics/NAME.safetensors of a run.", valueName: "file"))
        package var statistic: String

        @Option(help: ArgumentHelp("Percent of the units that are safety-critical.", valueName: "percent"))
        package var safety: Double

        @Option(help: ArgumentHelp("Percent of the units that are utility-critical.", valueName: "percent"))
        package var utility: Double

        @Option(help: ArgumentHelp("Percent of the units that are redundant.", valueName: "percent"))
        package var redundant: Double

        @Option(help: "What of attention is a unit: a query head, a group of them, or a channel.")
        package var attention: AttentionUnit = .head

        @Option(help: "Scores as they are (raw), or less their module's mean over its standard deviation (zscore).")
        package var normalize: UnitScores.Normalization = .zscore

        @Option(help: "Rank all units together (global), or those of each layer's attention and MLP apart (layer).")
        package var scope: UnitSettings.Scope = .global

        @Option(help: ArgumentHelp("The classes, as safetensors.", valueName: "file"))
        package var out: String?

        @Option(name: .customLong("class"), help: "A class whose units --mask takes; may be given again.")
        package var classes: [UnitClass] = []

        @Option(help: ArgumentHelp("Percent of all units that --mask takes of the complex ones.", valueName: "percent"))
        package var complex: Double?

        @Option(help: "Which of the complex units --mask takes first.")
        package var complexBy: UnitClasses.Order = .safety

        @Option(help: ArgumentHelp("The mask file.", valueName: "file"))
        package var mask: String?

        @OptionGroup package var content: ContentOptions
        @OptionGroup package var forcing: ForceOption

        package init() {}

        package func validate() throws {
            guard (mask == nil) == classes.isEmpty else { throw ValidationError("--mask goes with --class") }
            guard out != nil || mask != nil else { throw ValidationError("--out or --mask FILE is missing") }
            guard complex == nil || classes.contains(.complex) else {
                throw ValidationError("--complex goes with --class complex")
            }
            for (name, value) in [
                ("safety", safety), ("utility", utility), ("redundant", redundant), ("complex", complex ?? 0),
            ] where !(0...100).contains(value) {
                throw ValidationError("--\(name) \(value) is out of range: 0 to 100")
            }
            guard safety + utility + redundant + (complex ?? 0) <= 100 + 1e-9 else {
                throw ValidationError("the classes are more than 100 percent of the units")
            }
        }

        private var settings: UnitSettings {
            var settings = UnitSettings()
            (settings.attention, settings.normalization, settings.scope) = (attention, normalize, scope)
            (settings.safety, settings.utility, settings.redundant) = (safety, utility, redundant)
            return settings
        }

        package func run() throws {
            var outputs = Outputs(model: model, reading: [statistic])
            let out = try outputs.file("--out", out, standard: "units.safetensors")
            let target = try outputs.file("--mask", mask, standard: "mask.safetensors")
            let checkpoint = try content.open(model)
            for kind in classes where settings.count(of: kind, complex: complex, in: checkpoint.config) == 0 {
                throw InputError("--class \(kind.rawValue)", "would be empty: its percentage is less than one unit")
            }
            for (kind, percent) in [(UnitClass.safety, safety), (.utility, utility), (.redundant, redundant)]
            where percent > 0 && settings.count(of: kind, in: checkpoint.config) == 0 {
                throw InputError(
                    "--\(kind.rawValue)",
                    "\(plainNumber(percent)) % is less than one unit; 0 is for a class that is not wanted")
            }
            let file = try StatisticFile(statistic, of: UnitVariance.name)
            var belonging = forcing.belonging()
            let own = try checkpoint.provenance()
            try belonging.check(Provenance(statistic, metadata: file.metadata), belongsTo: own, at: model)
            let result = try file.read { try UnitSelection.classes($0, settings, checkpoint) }
            let words = own.modelMetadata.merging(belonging.metadata) { $1 }.merging([
                "safety": plainNumber(safety), "utility": plainNumber(utility), "redundant": plainNumber(redundant),
                "normalize": normalize.rawValue, "scope": scope.rawValue,
                "statistic": try Digest.sha256(file: statistic),
            ]) { $1 }
            if let out { try UnitClassFile(result, metadata: words).write(to: out) }
            if let target {
                var mask = result.layout.mask(
                    of: result.chosen(Set(classes), complex: complex, by: complexBy), in: checkpoint.config)
                mask.metadata = words
                mask.metadata["selection"] = "units: \(classes.map(\.rawValue).joined(separator: " + "))"
                try mask.write(to: target)
                Terminal.log.info("\(target): \(mask.count) of \(mask.size) weights")
            }
            Terminal.out(result.table())
        }
    }

    package struct Transitions: ParsableCommand {
        package static let configuration = CommandConfiguration(
            commandName: "transitions",
            abstract: "How many units went from which class to which between two files of `faultline units classes`.")

        @OptionGroup package var pair: FilePair

        @Option(help: ArgumentHelp("The table as CSV: from, to, units, percent.", valueName: "file"))
        package var out: String?

        package init() {}

        package func run() throws {
            let files = pair.files
            var outputs = Outputs(reading: files)
            let out = try outputs.file("--out", out, standard: "transitions.csv")
            let (before, after) = (try UnitClassFile(path: files[0]), try UnitClassFile(path: files[1]))
            let result = try UnitTransitions(from: before, files[0], to: after, files[1])
            if let out { try TextFile.write(result.csv(), to: out) }
            Terminal.out(result.table())
        }
    }
}
