Attribute VB_Name = "AutoXeroRibbon"
Option Explicit

' What the ribbon's buttons call. Each is one line of work and an error handler; nothing here needs the agent.

Public Sub OnGoToDashboard(control As IRibbonControl)
    GoToSheet "Dashboard"
End Sub

Public Sub OnGoToFaults(control As IRibbonControl)
    GoToSheet "Faults"
End Sub

Public Sub OnGoToMappings(control As IRibbonControl)
    GoToSheet "Mappings"
End Sub

Public Sub OnGoToSettings(control As IRibbonControl)
    GoToSheet "Settings"
End Sub

Public Sub OnGoToLog(control As IRibbonControl)
    GoToSheet "Log"
End Sub

Public Sub OnWhy(control As IRibbonControl)
    On Error GoTo Failed
    ShowWhy
    Exit Sub
Failed:
    Tell "This did not work: " & Err.Description
End Sub

Public Sub OnHowToFix(control As IRibbonControl)
    On Error GoTo Failed
    ShowHelp
    Exit Sub
Failed:
    Tell "This did not work: " & Err.Description
End Sub
