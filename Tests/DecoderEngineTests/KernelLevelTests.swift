import DecoderEngine
import Tensors
import Testing

/// Which level a program that computes runs at, and what it starts itself again with.
@Suite struct KernelLevelTests {
    @Test func levelsAreOrdered() {
        #expect(KernelLevel.allCases == KernelLevel.allCases.sorted() && KernelLevel.portable < .amx)
        #expect(KernelLevel.names == "portable, avx2, avx512, avx512-bf16, amx")
        #expect(KernelLevel.current <= .highest)
    }

    @Test(
        arguments: [
            (.portable, "Prescott"), (.avx2, "Haswell"), (.avx512, "SkylakeX"), (.avx512BF16, "SkylakeX"),
            (.amx, "SkylakeX"),
        ] as [(KernelLevel, String)])
    func aLevelDecidesOpenBLASsKernels(level: KernelLevel, core: String) {
        let environment = KernelEnvironment(level)
        #expect(environment.core == core)
        let user = ["PATH": "/bin", "OPENBLAS_CORETYPE": "Nehalem"]
        #expect(environment.changes(in: user)["OPENBLAS_CORETYPE"] == .some(.some(core)))
    }

    /// Settings of the libraries that a user's environment has are none of the level's.
    @Test(arguments: [
        "OPENBLAS_BLOCK_FACTOR", "OPENBLAS_VERBOSE", "GOTO_NUM_THREADS", "OMP_DYNAMIC", "GOMP_CPU_AFFINITY",
        "KMP_AFFINITY", "DNNL_MAX_CPU_ISA", "ONEDNN_DEFAULT_FPMATH_MODE", "MKLDNN_VERBOSE",
    ])
    func settingsOfLibrariesAreTakenAway(name: String) {
        let changes = KernelEnvironment(.avx2).changes(in: [name: "1", "HOME": "/root", "XOMP_DYNAMIC": "1"])
        #expect(changes[name] == .some(nil))
        #expect(changes["HOME"] == nil && changes["XOMP_DYNAMIC"] == nil)
    }

    @Test(
        arguments: [
            (.portable, nil, "glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4"), (.avx2, nil, nil),
            (.avx2, "glibc.cpu.hwcaps=-FMA", nil),
            (.avx512, "glibc.malloc.arena_max=1:glibc.cpu.hwcaps=-FMA", "glibc.malloc.arena_max=1"),
            (.portable, "glibc.malloc.arena_max=1", "glibc.malloc.arena_max=1:glibc.cpu.hwcaps=-AVX2,-FMA,-FMA4"),
        ] as [(KernelLevel, String?, String?)])
    func theCLibraryTakesTheLevelsForms(level: KernelLevel, own: String?, wanted: String?) {
        let before = own.map { ["GLIBC_TUNABLES": $0] } ?? [:]
        #expect(Self.changed(before, level)["GLIBC_TUNABLES"] == wanted)
    }

    /// A program that was started with its level's settings is not started again.
    @Test(arguments: KernelLevel.allCases)
    func settingsAreChangedOnce(level: KernelLevel) {
        let changed = Self.changed(["OMP_NUM_THREADS": "8", "DNNL_VERBOSE": "1", "GLIBC_TUNABLES": "a=1"], level)
        #expect(changed["OMP_NUM_THREADS"] == "1" && changed["DNNL_VERBOSE"] == nil)
        #expect(KernelEnvironment(level).changes(in: changed).isEmpty)
    }

    private static func changed(_ environment: [String: String], _ level: KernelLevel) -> [String: String] {
        var changed = environment
        for (name, value) in KernelEnvironment(level).changes(in: environment) { changed[name] = value }
        return changed
    }

    @Test(arguments: [
        (["w", "--threads", "2"], ["w", "--threads", "2", "--level", "avx2"]),
        (["w", "--level", "avx512", "--threads", "2"], ["w", "--threads", "2", "--level", "avx2"]),
        (["w", "--level=amx", "--name", "a"], ["w", "--name", "a", "--level", "avx2"]),
    ])
    func aRestartSaysTheLevelOnce(before: [String], after: [String]) {
        #expect(ProcessKernels.arguments(before, at: .avx2) == after)
    }

    // MARK: The choice

    private static func choose(
        _ asked: KernelLevel?, highest: KernelLevel, faults: [KernelLevel: String] = [:]
    ) throws -> (level: KernelLevel, failures: [String]) {
        try ProcessKernels.choose(asked, highest: highest) { faults[$0] }
    }

    @Test func theHighestLevelIsTaken() throws {
        #expect(try Self.choose(nil, highest: .avx512).level == .avx512)
        #expect(try Self.choose(.avx2, highest: .avx512).level == .avx2)
    }

    @Test func aLevelThatTheCPULacksIsRefused() {
        #expect(
            throws: ProcessKernels.Unavailable(
                "--level amx: the highest kernel level of this machine's CPU is avx512-bf16")
        ) { try Self.choose(.amx, highest: .avx512BF16) }
    }

    @Test func aLevelThatFailsItsTestIsLeftOutByName() throws {
        let (level, failures) = try Self.choose(
            nil, highest: .amx, faults: [.amx: "no tiles", .avx512BF16: "rope is wrong", .avx2: "add is wrong"])
        #expect(level == .avx512)
        #expect(
            failures == [
                "kernel level amx is left out: no tiles", "kernel level avx512-bf16 is left out: rope is wrong",
            ])
        let error = #expect(throws: ProcessKernels.Unavailable.self) {
            try Self.choose(.avx2, highest: .amx, faults: [.avx2: "add is wrong", .portable: "dot is wrong"])
        }
        #expect(
            error?.description
                == "kernel level avx2 is left out: add is wrong; kernel level portable is left out: dot is wrong")
    }

    /// Every level that this CPU has computes what plain loops do.
    @Test func theLevelsOfThisMachinePassTheirTest() {
        for level in KernelLevel.allCases where level <= .highest { #expect(level.failingKernel == nil, "\(level)") }
    }

    @Test func whatALibraryLacksIsKnownAfterARestart() {
        let note = RestartNote(level: .avx2, leftOut: [.amx: "OpenBLAS has\tHaswell", .avx512: "none"])
        #expect(RestartNote(note.text) == note)
        #expect(RestartNote(RestartNote(level: .amx).text) == RestartNote(level: .amx))
        for text in ["", "Haswell", "\n\t"] { #expect(RestartNote(text) == nil) }
        #expect(RestartNote("avx2\nnonsense\namx\tx") == RestartNote(level: .avx2, leftOut: [.amx: "x"]))
    }
}
