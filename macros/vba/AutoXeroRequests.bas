Attribute VB_Name = "AutoXeroRequests"
Option Explicit

' The two doors to the agent. A request goes into its inbox; where nobody takes it, Excel starts Python for the same
' request. Verbs are words of this project, ids are digits, fault codes are AX-###, and the command holds only the
' request's id: no cell's text gets into either.

Private Const ACTION As String = "import macros.actions as a; a.do('"
Private Const NEEDS_NO_SETTINGS As String = "|refresh|never-send|bundle|connect-autotask|connect-xero|"
Private isBusy As Boolean

' Asks for a verb that concerns no invoice in particular; the sheet is where its result shows.
Public Sub Ask(ByVal verb As String, ByVal sheetName As String)
    SendRequest verb, "", "", sheetName
End Sub

' Asks for a support bundle, once it is said what is in it.
Public Sub AskForBundle()
    If IsAgreed("Make a support bundle beside this workbook?" & vbLf & "It holds versions, settings, the last test, " _
        & "the open faults, and the newest 500 rows of the log, without secrets; names and addresses are replaced. " _
        & "'autoxero bundle --show' shows every word of it.") Then Ask "bundle", "Log"
End Sub

' Asks for a verb on the selected invoices; a question with {n} in it is asked first.
Public Sub AskForSelected(ByVal verb As String, ByVal question As String)
    Dim ids As String
    ids = SelectedIds()
    If Len(ids) = 0 Then Exit Sub
    If Len(question) > 0 Then
        If Not IsAgreed(Replace(question, "{n}", Counted(ids))) Then Exit Sub
    End If
    SendRequest verb, ids, "", "Invoices"
End Sub

Private Function Counted(ByVal ids As String) As String
    Dim count As Long
    count = UBound(Split(ids, ",")) + 1
    Counted = IIf(count = 1, "1 invoice", count & " invoices")
End Function

' Asks for a verb on all invoices with the active row's fault.
Public Sub AskForFault(ByVal verb As String)
    Dim code As String
    code = ActiveFault()
    If Len(code) > 0 Then SendRequest verb, "", code, "Invoices"
End Sub

Private Sub SendRequest(ByVal verb As String, ByVal ids As String, ByVal fault As String, ByVal sheetName As String)
    Dim text As String
    Dim id As String
    If Not IsReady(verb) Then Exit Sub
    text = "verb=" & verb & vbCrLf & "workbook=" & HiddenText("AutoXeroWorkbook") & vbCrLf
    If Len(ids) > 0 Then text = text & "ids=" & ids & vbCrLf
    If Len(fault) > 0 Then text = text & "fault=" & fault & vbCrLf
    On Error GoTo Failed
    isBusy = True
    Say "Asking the agent ..."
    id = NewRequest(HiddenText("AutoXeroInbox"), text)
    If Len(id) = 0 Then
        TellNoInbox
    ElseIf IsTaken(HiddenText("AutoXeroInbox"), id) Then
        Say "AutoXero has taken it; the sheet " & sheetName & " shows the result." & CloudHint()
    Else
        RunInPython id
    End If
    isBusy = False
    Exit Sub
Failed:
    isBusy = False
    TellFailure Err.Description
End Sub

' Whether a request can be made at all; else told why not.
Private Function IsReady(ByVal verb As String) As Boolean
    If isBusy Then
        Say "The last button is not done yet. Wait a moment."
    ElseIf Len(ThisWorkbook.Path) = 0 Then
        TellToSave
    ElseIf Len(HiddenText("AutoXeroInbox")) = 0 Then
        Tell "This copy of the workbook is not set up yet. Close it, run 'autoxero install' once, and open the " _
            & "workbook that it names."
    ElseIf Not IsKept() Then
        Exit Function
    ElseIf InStr(NEEDS_NO_SETTINGS, "|" & verb & "|") = 0 And IsTypedOnly() Then
        Tell "Save the workbook first: a setting or a mapping was changed since it was last saved, and the agent " _
            & "goes by the saved file; nothing was done. Then press the button again."
    Else
        IsReady = True
    End If
End Function

' Whether this is the workbook that the agent keeps; else told which one is. A copy says the same of itself.
Public Function IsKept() As Boolean
    Dim kept As String
    kept = HiddenText("AutoXeroPath")
    If Len(kept) = 0 Then
        IsKept = True
    ElseIf IsInTheCloud() Then
        IsKept = LastPart(kept) = LCase$(ThisWorkbook.Name)
    Else
        IsKept = IsSameFile(kept, ThisWorkbook.Path, ThisWorkbook.Name)
    End If
    If Not IsKept Then Tell "This is a copy of the workbook that the agent keeps, or it was moved; nothing was done." _
        & " Open " & kept & ", or close this one and run 'autoxero install' for it."
End Function

' OneDrive and SharePoint give an address in place of a folder.
Private Function IsInTheCloud() As Boolean
    IsInTheCloud = LCase$(Left$(ThisWorkbook.Path, 4)) = "http"
End Function

Private Sub TellNoInbox()
    Tell "The folder for what the buttons ask takes nothing from you; nothing was done: " _
        & HiddenText("AutoXeroInbox") & vbLf & "Where this workbook belongs to another user of this computer, use " _
        & "one of your own: 'autoxero install' makes it. Where it is yours, run 'autoxero install' again."
End Sub

Public Function CloudHint() As String
    If IsInTheCloud() Then CloudHint = " This workbook is open from OneDrive or SharePoint: the result comes once " _
        & "that has brought the agent's file here."
End Function

' The second door. RunPython is in copies that 'autoxero install' made; called by name, since others do not have it.
Private Sub RunInPython(ByVal id As String)
    If IsInTheCloud() Then
        Tell "The agent did not answer; nothing was done. A workbook that is open from OneDrive or SharePoint can " _
            & "only ask the agent: start it with 'autoxero run', then press the button again."
        Exit Sub
    End If
    Say "The agent did not answer; Excel does it itself. Please wait ..."
    On Error GoTo Failed
    Application.Run "RunPython", ACTION & id & "')"
    Exit Sub
Failed:
    Tell "The agent did not answer, and Excel may not or cannot start Python here; nothing was done. Start the agent " _
        & "with 'autoxero run', or run 'autoxero install' once, then press the button again."
End Sub
