import FleetSupport
import Protocol
import Scheduling
import Tensors
import Testing

/// Who decides at which kernel level a fleet runs, who has to go down to it, and who cannot take part.
@Suite struct LevelTests {
    /// What became of workers, by their place in the order of joining.
    private struct Outcome: Equatable {
        var level: KernelLevel?
        var lowered: [Int] = []
        var refused: [Int] = []
    }

    private static func policy(_ awaited: Int, local: Bool = false) -> FleetPolicy {
        var policy = FleetPolicy(run: "r")
        if local { policy.localWorkers = awaited } else { policy.awaited = awaited }
        return policy
    }

    /// Workers join one after the other.
    private static func outcome(_ levels: [KernelLevel], _ policy: FleetPolicy) -> Outcome {
        var core = FleetCore(policy: policy)
        var outcome = Outcome()
        for (index, level) in levels.enumerated() { take(join(&core, index, level), &outcome) }
        outcome.level = core.kernels.level
        return outcome
    }

    private static func join(_ core: inout FleetCore, _ index: Int, _ level: KernelLevel) -> [FleetCore.Directive] {
        var capabilities = Fake.capabilities("w\(index)")
        capabilities.level = level
        return core.hello([UInt8(index)], capabilities, now: 0)
    }

    private static func take(_ directives: [FleetCore.Directive], _ outcome: inout Outcome) {
        for directive in directives {
            switch directive {
            case .dismiss(let member, .level(let level)):
                #expect(level < member.capabilities.level)
                outcome.lowered.append(Int(member.session[0]))
            case .refuse(let member, .lowerLevel(let fleet, let own)):
                #expect(own == member.capabilities.level && own < fleet)
                outcome.refused.append(Int(member.session[0]))
            default: break
            }
        }
    }

    @Test func theLowestOfTheFirstWorkersDecides() {
        #expect(
            Self.outcome([.avx512BF16, .avx2, .avx512], Self.policy(3)) == Outcome(level: .avx2, lowered: [0, 2]))
        #expect(Self.outcome([.avx2, .avx2], Self.policy(2)) == Outcome(level: .avx2))
        // Nothing is agreed on before all are there who have a say.
        #expect(Self.outcome([.avx2, .amx], Self.policy(3)) == Outcome())
    }

    /// A machine that can go down does; one that cannot is left out, and nobody waits for it.
    @Test func whoComesLaterGoesDownOrIsRefused() {
        let policy = Self.policy(2)
        #expect(
            Self.outcome([.avx512, .avx512, .amx, .avx2, .avx512], policy)
                == Outcome(level: .avx512, lowered: [2], refused: [3]))
    }

    @Test func aLevelThatIsAskedForIsKept() {
        var policy = Self.policy(2)
        policy.level = .avx512
        #expect(
            Self.outcome([.portable, .avx512BF16, .avx512], policy)
                == Outcome(level: .avx512, lowered: [1], refused: [0]))
    }

    /// A coordinator without FMA computes edits of exported models in another form than workers with it.
    @Test func theCoordinatorsOwnLevelIsALimit() {
        var policy = Self.policy(1)
        policy.highestLevel = .portable
        #expect(Self.outcome([.avx2], policy) == Outcome(level: .portable, lowered: [0]))
    }

    /// A local worker that dies before the work has no say.
    @Test func theOthersAgreeWithoutOneThatDied() {
        var core = FleetCore(policy: Self.policy(3, local: true))
        var outcome = Outcome()
        Self.take(Self.join(&core, 0, .avx512), &outcome)
        Self.take(Self.join(&core, 1, .avx2), &outcome)
        #expect(core.kernels.level == nil && outcome == Outcome())
        Self.take(core.gaveUp(), &outcome)
        #expect(core.kernels.level == .avx2 && outcome.lowered == [0])
    }

    /// Once agreed on, a level stays: who starts again at it is welcome.
    @Test func aLoweredWorkerJoins() {
        var core = FleetCore(policy: Self.policy(2))
        _ = Self.join(&core, 0, .avx512)
        _ = Self.join(&core, 1, .avx2)
        #expect(core.membership.members.count == 1)
        var again = Outcome()
        Self.take(Self.join(&core, 2, .avx2), &again)
        #expect(core.membership.members.count == 2 && again == Outcome())
    }
}
