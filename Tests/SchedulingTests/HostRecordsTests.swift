import Scheduling
import Testing

struct HostRecordsTests {
    @Test func deathsUnderSeveralTasksCondemnAHost() {
        var hosts = HostRecords()
        for (index, task) in ["a", "b", "a"].enumerated() {
            #expect(hosts.reasonToSetAside("h") == nil, "after \(index)")
            hosts.died(on: "h", tasks: [task], cause: .killed(signal: 9))
        }
        #expect(hosts.reasonToSetAside("h") == .deaths(count: 3, tasks: ["a", "b"], last: .killed(signal: 9)))
        #expect(hosts.reasonToSetAside("other") == nil)
    }

    @Test func deathsWhileLoadingCondemnAHost() {
        var hosts = HostRecords()
        for _ in 0..<3 { hosts.died(on: "h", tasks: [], cause: .killed(signal: 11)) }
        #expect(hosts.reasonToSetAside("h") == .deaths(count: 3, tasks: [], last: .killed(signal: 11)))
    }

    /// Its connection had broken: what it had does not count, for this host and for others.
    @Test func aWorkerThatIsAliveAfterAllIsExonerated() {
        var hosts = HostRecords()
        for (task, instance) in [("a", "1"), ("b", "2"), ("c", "3")] {
            hosts.died(on: "h", tasks: [task], cause: .connectionClosed, instance: instance)
            hosts.died(on: "i", tasks: [task], cause: .killed(signal: 9), instance: "other \(instance)")
        }
        #expect(hosts.reasonToSetAside("h") == nil && hosts.reasonToSetAside("i") == nil, "each task died on two hosts")
        for instance in ["1", "2", "3"] { #expect(hosts.exonerate(instance: instance) == nil) }
        #expect(hosts.reasonToSetAside("h") == nil && hosts.reasonToSetAside("i") != nil)
        hosts.setAside("i", because: .deaths(count: 3, tasks: ["a", "b", "c"], last: .killed(signal: 9)))
        #expect(hosts.exonerate(instance: "other 2") == "i" && hosts.setAside.isEmpty)
        hosts.setAside("i", because: .cannotLoad(worker: "w", error: "the model is not there"))
        #expect(hosts.exonerate(instance: "other 1") == nil && hosts.setAside["i"] != nil)
    }

    @Test func anySuccessClears() {
        var hosts = HostRecords()
        for task in ["a", "b"] { hosts.died(on: "h", tasks: [task], cause: .connectionClosed) }
        hosts.succeeded(on: "h")
        for task in ["c", "d"] { hosts.died(on: "h", tasks: [task], cause: .connectionClosed) }
        #expect(hosts.reasonToSetAside("h") == nil)
    }

    @Test func aPoisonTaskCondemnsNobody() {
        var hosts = HostRecords()
        // One and the same task: nobody knows.
        for _ in 0..<5 { hosts.died(on: "h", tasks: ["poison"], cause: .connectionClosed) }
        #expect(hosts.reasonToSetAside("h") == nil)
        // Two that kill elsewhere, too: it is not the host.
        for host in ["h", "i"] {
            for task in ["poison", "venom", "poison"] { hosts.died(on: host, tasks: [task], cause: .connectionClosed) }
        }
        #expect(hosts.reasonToSetAside("h") == nil && hosts.reasonToSetAside("i") == nil)
    }
}
